"""Makes the database itself refuse changes of named versions, whatever code asks for them.

The guard is a trigger of the database, PostgreSQL or SQLite. It is set after each `migrate` and not by a migration: for many
changes of columns SQLite rebuilds a table, and drops its triggers with the old one. A migration that has to rewrite stored
versions calls `lift` first.
"""

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "workflows_workflowversion"
GUARD = "workflows_version_fixed"
TEXT = "a version of a workflow never changes"

_ALWAYS = ("id", "workflow_id", "name")
_NAMED = ("triggers", "nodes", "globals", "created_at")
_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {GUARD}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{TEXT}' USING ERRCODE = 'integrity_constraint_violation'; END $$
"""


def _changed(words: str) -> str:
    """Return the condition under which the guard steps in; `words` compares two values of which either may be NULL."""
    always = " OR ".join(f"OLD.{name} {words} NEW.{name}" for name in _ALWAYS)
    named = " OR ".join(f"OLD.{name} {words} NEW.{name}" for name in _NAMED)
    return f"{always} OR (OLD.name <> 'develop' AND ({named}))"


_SQLITE = f"""
CREATE TRIGGER IF NOT EXISTS {GUARD} BEFORE UPDATE ON {TABLE} WHEN {_changed("IS NOT")}
BEGIN SELECT RAISE(ABORT, '{TEXT}'); END
"""
_POSTGRESQL = f"""
CREATE TRIGGER {GUARD} BEFORE UPDATE ON {TABLE} FOR EACH ROW WHEN ({_changed("IS DISTINCT FROM")})
EXECUTE FUNCTION {GUARD}()
"""


def stand(using: str = "default", **_: Any) -> None:
    """Set the guard where it is missing; a receiver of `post_migrate`."""
    connection = connections[using]
    if TABLE not in connection.introspection.table_names():
        return  # migrated back to before there were versions
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(_SQLITE)
        elif connection.vendor == "postgresql" and not _stands(connection):
            cursor.execute(_FUNCTION)
            cursor.execute(_POSTGRESQL)


def lift(using: str = "default") -> None:
    """Take the guard away until the end of `migrate`."""
    connection = connections[using]
    on = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER IF EXISTS {GUARD}{on}")


def _stands(connection: BaseDatabaseWrapper) -> bool:
    """Ask before setting it: that takes a lock on the table, for which it would wait on a busy installation."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass", [GUARD, TABLE])
        return cursor.fetchone() is not None
