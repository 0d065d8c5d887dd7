"""Map the error numbers of both drivers to kinds of failure; `db.errors` decides by this table."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    LOST = "lost"
    """The connection broke or could not be opened. A retry may succeed."""
    UNAVAILABLE = "unavailable"
    """The server answers, but cannot execute the statement now, with any values. A retry may succeed."""
    REFUSED = "refused"
    """The user lacks a privilege, or the database is read-only. An administrator must change something first."""
    CONFLICT = "conflict"
    """Another transaction committed first or holds the lock."""
    DATA = "data"
    """These values can never be stored."""
    UNKNOWN = "unknown"
    """The number is not in this table: the values or the server may be the cause."""


def _of(kind: Kind, *numbers: int) -> dict[int, Kind]:
    return dict.fromkeys(numbers, kind)


MYSQL: dict[int, Kind] = {
    **_of(
        Kind.UNAVAILABLE,
        *(1021, 1114),  # disk full, table full
        *(1026, 1030, 1016, 1015, 1194, 1195),  # files that cannot be written, opened or locked; a crashed table
        *(1037, 1038, 1041, 1040, 1203, 1206, 1226),  # out of memory, of connections, of locks, of a user's share
        *(1180, 1181, 3100),  # the commit or the rollback itself failed
        *(1053, 1080, 1317, 3024, 3168),  # shutting down, interrupted, too slow, not ready yet
        *(1158, 1159, 1160, 1161),  # its network failed while it read or wrote
        *(1049, 1146, 1054),  # no such database, table or column yet: migrations are missing
    ),
    **_of(
        Kind.LOST,
        *(1152, 1184, 1927, 4031),  # the server ended this connection
    ),
    **_of(
        Kind.REFUSED,
        *(1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698),  # this user, from this host, may not
        *(1129, 1251, 1820, 1862, 3118, 3159),  # host blocked, log-in outdated, password expired, locked, TLS wanted
        *(2054, 2058, 2059, 2061),  # the client cannot log in the way the server wants
        *(1036, 1223, 1290, 1792, 1836, 1881),  # read-only table, server or transaction; read lock; forced recovery
    ),
    **_of(
        Kind.CONFLICT,
        *(1022, 1062, 1169, 1586),  # duplicate key
        *(1020, 1205, 1213, 1614, 3058, 3101, 3572),  # changed meanwhile, lock wait, deadlock, another member won
    ),
    **_of(
        Kind.DATA,
        *(1048, 1364, 1451, 1452, 3819),  # null, no default, foreign key, check
        *(
            1118,
            1153,
            1264,
            1265,
            1292,
            1301,
            1366,
            1367,
            1406,
            1411,
            1441,
            1525,
            1690,
        ),  # too long, out of range, no such value
        *(1300, 3854),  # characters that the character set lacks
        *range(3140, 3159),  # JSON: not valid, another type, character set or path, too big (3150), too deep (3157)
    ),
}
"""Numbers below 100 are file errors of the server, and 2000 to 2999 errors of the client: see `of_mysql`."""

SQLITE: dict[int, Kind] = {
    **_of(Kind.UNAVAILABLE, 9, 10, 11, 13, 14, 17, 22, 26),  # interrupted, I/O, corrupt, full, cannot open, no database
    **_of(Kind.REFUSED, 3, 8, 23),  # permission, read-only, authorization
    **_of(Kind.CONFLICT, 5, 6, 15),  # busy, locked, locking protocol
    **_of(Kind.CONFLICT, 1555, 2067, 2579),  # constraint: primary key, unique, rowid
    **_of(Kind.DATA, 18, 19, 20, 25),  # too big, any other constraint, mismatch, parameter out of range
}
"""Primary result codes, and extended ones where they differ. 1 (a statement failed) and 7 (no memory) are missing,
because the values or the database may cause them."""

# Numbers with their own sentence, by database; those of SQLite are primary result codes.
FULL = {"mysql": {1021, 1114}, "sqlite": {13}}
BUSY = {"mysql": {1020, 1205, 1213, 1614, 3058, 3101, 3572}, "sqlite": {5, 6, 15}}
SCHEMA = {"mysql": {1146, 1054, 1049}, "sqlite": {1}}
CANNOT_OPEN = {"mysql": set[int](), "sqlite": {14}}
READ_ONLY = {"mysql": {1036, 1290, 1792, 1836, 1881}, "sqlite": {8}}
LOGIN = {"mysql": {1044, 1045, 1142, 1143, 1227, 1370, 1698}, "sqlite": {3, 23}}
TLS_WANTED = {"mysql": {3159}, "sqlite": set[int]()}


def of_mysql(number: int) -> Kind:
    """Return the kind of an error number of MySQL or its client."""
    if number in MYSQL:
        return MYSQL[number]
    if 2000 <= number < 3000 or number == 0:
        return Kind.LOST
    return Kind.UNAVAILABLE if number < 100 else Kind.UNKNOWN


def of_sqlite(number: int) -> Kind:
    """Return the kind of a result code of SQLite, which may be an extended one."""
    return SQLITE.get(number, SQLITE.get(number & 0xFF, Kind.UNKNOWN))
