"""Persistence on SQLite and MySQL 8 from one set of tables: unit of work, outbox, queries, migrations."""
