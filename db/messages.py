"""Define the English templates of what the database's failures mean and what to do about them."""

from __future__ import annotations

from domain.message import register

FAILURES = {
    "database.connections_busy": "every database connection is busy; try again in a moment",
    "database.cannot_store": "the database cannot store it: {why}",
    "database.disk_full": "the database's disk is full: free some space, nothing was written",
    "database.busy": "the database is busy with another writer; nothing was written, try again",
    "database.cannot_open": "the database file cannot be opened; `./alpes up` creates it",
    "database.schema": "the database lacks tables that this program needs; `./alpes up` creates them ({why})",
    "database.login": "the database refuses this user: {why}",
    "database.login_or_tls": (
        "the database refuses this user: {why}; it may take TLS connections only: ALPES_DATABASE_TLS_CA"
    ),
    "database.tls_only": "the database takes TLS connections only; set ALPES_DATABASE_TLS_CA",
    "database.read_only": "the database is read-only; nothing was written",
    "database.failed": "the database failed ({why}); nothing was written",
    "database.silent": "the database does not answer ({why})",
    "database.other_host": (
        "the database's certificate is made out to another host;"
        " ALPES_DATABASE_TLS_HOSTNAME_CHECK=false turns the check off ({why})"
    ),
    "database.untrusted": (
        "the database's certificate is not signed by an authority trusted here; set ALPES_DATABASE_TLS_CA ({why})"
    ),
}

register(FAILURES)
