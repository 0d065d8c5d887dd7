"""Store state, outbox and effects on SQLite and MySQL 8, from one set of tables: unit of work, outbox, queries, migrations."""

from db import messages as messages  # importing any module of this package registers them
