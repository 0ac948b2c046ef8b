"""System checks with stable ids: what parses but would lose data or let people in.

All carry the tag `wegnology` and run with every command and at the start of every Celery process. Those that ask Redis carry the
tag `redis` as well and run only with `manage.py check --deploy` and from `manage.py run`, so that no other command waits.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from integrations.runtime.keys import key
from wegnology.applications.resealing import missing_keys
from wegnology.lib.crypto import key_id
from wegnology.lib.redis import sync_client

TAG = "wegnology"
TAG_REDIS = "redis"
_SHORTEST_KEY = 32
_LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


def _see(section: str) -> str:
    return f"See docs/operations.md, section {section}."


@register(TAG)
def check_hosts(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Warn where the web pages answer to nobody from outside, or to any name."""
    if not settings.PRODUCTION:
        return []
    if set(settings.ALLOWED_HOSTS) <= _LOOPBACK:
        return [
            Warning(
                "ALLOWED_HOSTS names only this machine: the pages answer to nobody else.",
                hint=f"Set ALLOWED_HOSTS to the names people use. {_see('Settings')}",
                id="wegnology.W001",
            )
        ]
    if "*" in settings.ALLOWED_HOSTS:
        return [Warning("ALLOWED_HOSTS accepts any name.", hint=f"Name the hosts. {_see('Settings')}", id="wegnology.W002")]
    return []


@register(TAG)
def check_keys(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Refuse keys that cannot be used; warn of a session key that can be guessed."""
    found: list[CheckMessage] = []
    for position, text in enumerate(settings.SECRET_KEYS, 1):
        try:
            key_id(text)
        except ValueError:
            hint = f"`python -m wegnology.lib.crypto` prints a key. {_see('Keys')}"
            found.append(Error(f"Key {position} of WEGNOLOGY_SECRET_KEYS is not a key.", hint=hint, id="wegnology.E001"))
    if len(settings.SECRET_KEY) < _SHORTEST_KEY:
        hint = f"Set a random text of 50 characters. {_see('Keys')}"
        found.append(Warning("DJANGO_SECRET_KEY is short enough to be guessed.", hint=hint, id="wegnology.W003"))
    return found


@register(TAG, Tags.database, deploy=True)
def check_sealed(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> Sequence[CheckMessage]:
    """Refuse keys that do not open everything stored. Reads the database: only with `check --deploy --database default`."""
    if not databases or any(message.id == "wegnology.E001" for message in check_keys(None)):
        return []
    try:
        missing = missing_keys()
    except DatabaseError:
        return []  # before the first migration, or of this release: there is nothing, or `migrate` comes next
    return [
        Error(
            f"{number} stored secret{' needs' if number == 1 else 's need'} the key {identifier}, "
            "which is not among WEGNOLOGY_SECRET_KEYS.",
            hint="Add it at the end of WEGNOLOGY_SECRET_KEYS. If it is lost: `manage.py rotate_secrets --forget "
            f"{identifier}` removes those secrets. {_see('Keys')}",
            id="wegnology.E004",
        )
        for identifier, number in missing.items()
    ]


@register(TAG)
def check_ephemeral(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Refuse to keep anything on a disk that is thrown away at every restart."""
    if not settings.EPHEMERAL_HOST or settings.ALLOW_EPHEMERAL:
        return []
    found: list[CheckMessage] = []
    override = f"WEGNOLOGY_ALLOW_EPHEMERAL=1 accepts the loss. {_see('Hosts that forget')}"
    if settings.SQLITE:
        found.append(
            Error(
                "The database is an SQLite file on a host that forgets its disk at every restart.",
                hint=f"Set DATABASE_URL to a PostgreSQL server. {override}",
                id="wegnology.E002",
            )
        )
    if not settings.PRODUCTION:
        found.append(
            Error(
                "Keys are kept in a state folder on a host that forgets its disk at every restart: stored secrets would be lost.",
                hint=f"Set WEGNOLOGY_SECRET_KEYS and DJANGO_SECRET_KEY and leave WEGNOLOGY_ENV unset. {override}",
                id="wegnology.E003",
            )
        )
    return found


@register(TAG, TAG_REDIS, deploy=True)
def check_redis(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Refuse a Redis that is not there or that may lose what was accepted."""
    try:
        with sync_client(timeout=3) as client:
            info: dict[str, Any] = client.info()
            stored = client.hget(key("meta"), "partitions")
    except (redis.RedisError, OSError, ValueError) as error:
        hint = f"Start the server or correct REDIS_URL. {_see('Redis')}"
        return [Error(f"Redis cannot be used: {error}", hint=hint, id="wegnology.E010")]
    return [*_durability(info), *_partitions(stored)]


def _durability(info: dict[str, Any]) -> Iterator[CheckMessage]:
    if not info.get("aof_enabled"):
        yield Error(
            "Redis keeps no append-only file: what was accepted would be lost when it restarts.",
            hint=f"Set `appendonly yes`. {_see('Redis')}",
            id="wegnology.E011",
        )
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield Error(
            f"Redis may throw away accepted events when memory is short (maxmemory-policy {policy}).",
            hint=f"Set `maxmemory-policy noeviction`. {_see('Redis')}",
            id="wegnology.E012",
        )
    if not info.get("maxmemory"):
        yield Warning(
            "Redis has no memory limit, so the inboxes together have none.",
            hint=f"Set `maxmemory` to what the machine can spare. {_see('Redis')}",
            id="wegnology.W011",
        )


def _partitions(stored: bytes | None) -> Iterator[CheckMessage]:
    if stored is not None and int(stored) != settings.PARTITIONS:
        yield Error(
            f"WEGNOLOGY_PARTITIONS is {settings.PARTITIONS}, but what is stored in Redis is divided into {int(stored)}.",
            hint=f"Set it back, or stop everything and run `manage.py repartition`. {_see('Partitions')}",
            id="wegnology.E013",
        )
