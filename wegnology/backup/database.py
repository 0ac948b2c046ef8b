"""The database as one file: an SQLite copy made online, or a PostgreSQL dump in custom format."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connection

from wegnology.backup.exceptions import BackupFailed

_MADE_BY_MIGRATING = {"django_migrations", "django_content_type", "auth_permission", "sqlite_sequence"}


def kind() -> str:
    """Return which kind of database is configured: "sqlite" or "postgresql"; other kinds raise `BackupFailed`."""
    if connection.vendor not in ("sqlite", "postgresql"):
        raise BackupFailed(f"Databases of the kind {connection.vendor} cannot be copied.")
    return connection.vendor


def dump(target: Path) -> None:
    """Write a consistent copy; others may go on reading and writing meanwhile."""
    if kind() == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
        return
    _postgresql("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}", _name())


def holds_something() -> bool:
    """Say whether any table has rows beyond those that migrating makes."""
    tables = set(connection.introspection.table_names()) - _MADE_BY_MIGRATING
    with connection.cursor() as cursor:
        for table in sorted(tables):
            cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(table)} LIMIT 1")  # noqa: S608  (a quoted table name)
            if cursor.fetchone():
                return True
    return False


def check(source: Path) -> None:
    """Raise `BackupFailed` when a copy cannot be read."""
    if kind() == "postgresql":
        _postgresql("pg_restore", "--list", str(source))
        return
    try:
        with closing(sqlite3.connect(source)) as copy:
            found = copy.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BackupFailed(f"The copy of the database cannot be read: {error}") from error
    if found != "ok":
        raise BackupFailed(f"The copy of the database is damaged: {found}")


_FUNCTIONS = """
SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
"""
"""The functions of the schema that belong to no extension."""


def load(source: Path) -> None:
    """Replace the whole database by a copy."""
    if kind() == "sqlite":
        connection.close()
        target = Path(str(connection.settings_dict["NAME"]))
        with closing(sqlite3.connect(source)) as copy, closing(sqlite3.connect(target, timeout=20)) as database:
            copy.backup(database)
        target.chmod(0o600)
        return
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)} CASCADE")
        cursor.execute(_FUNCTIONS)  # of triggers: they outlive their tables
        for (function,) in cursor.fetchall():
            cursor.execute(f"DROP FUNCTION {function} CASCADE")
    connection.close()
    _postgresql(
        "pg_restore",
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--no-privileges",
        f"--dbname={_name()}",
        str(source),
    )


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _postgresql(program: str, *arguments: str) -> None:
    path = shutil.which(program)
    if path is None:
        raise BackupFailed(f"{program} was not found: install PostgreSQL's client programs (Debian: postgresql-client).")
    settings: dict[str, Any] = connection.settings_dict
    _, extra = connection.client.settings_to_cmd_args_env(settings, [])
    named = {"PGHOST": settings["HOST"], "PGPORT": settings["PORT"], "PGUSER": settings["USER"]}
    environment = os.environ | (extra or {}) | {name: str(value) for name, value in named.items() if value}
    done = subprocess.run([path, *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BackupFailed(f"{program} failed: {done.stderr.strip()}")
