"""The archive: a compressed tar file that only its owner can read, with a manifest."""

import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import redis
from django.conf import settings
from django.db import DatabaseError

from wegnology.backup import database, keys, redis_keys
from wegnology.backup.exceptions import BackupFailed
from wegnology.lib.redis import sync_client

FORMAT = 1
_MANIFEST = "manifest.json"
_REDIS = "redis.jsonl"
_DATABASE = "database"
_KEYS = "keys/"
_SECONDS = 60.0
"""How long Redis may take for one answer: copying a full inbox takes a moment."""


def make(target: Path) -> list[str]:
    """Write a new archive; returns what people should know of it. Raises `BackupFailed`."""
    if target.exists():
        raise BackupFailed(f"{target} exists already: a backup never overwrites a file.")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=target.parent) as folder:
            return _make(target, Path(folder))
    except (redis.RedisError, DatabaseError, OSError) as error:
        raise BackupFailed(f"The backup was not made: {error}") from error


def _make(target: Path, folder: Path) -> list[str]:
    with sync_client(_SECONDS) as client, (folder / _REDIS).open("w") as file:
        copied = redis_keys.dump(client, file)
    database.dump(folder / _DATABASE)
    kept = keys.files()
    manifest = {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": database.kind(),
        "partitions": settings.PARTITIONS,
        "key_ids": keys.ids(),
        "keys": sorted(kept),
    }
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2))
    (folder / _KEYS).mkdir()
    for name, content in kept.items():
        (folder / _KEYS / name).write_text(content)
    _pack(folder, [_MANIFEST, _REDIS, _DATABASE, *(_KEYS + name for name in kept)], target)
    return _remarks(target, copied, kept)


def _pack(folder: Path, names: Sequence[str], target: Path) -> None:
    """Pack beside the target and put it in place by a link, which fails rather than overwrite."""
    packed = folder / "packed"
    with os.fdopen(os.open(packed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name in names:
                archive.add(folder / name, arcname=name)
        file.flush()
        os.fsync(file.fileno())
    os.link(packed, target)


def _remarks(target: Path, copied: redis_keys.Copied, kept: dict[str, str]) -> list[str]:
    size = target.stat().st_size
    remarks = [f"{target}: {size} bytes, {copied.keys} Redis keys with {copied.events} waiting events, and the database."]
    if keys.SEALING in kept:
        remarks.append("The keys are in it: whoever has this file can read the stored secrets.")
    else:
        remarks.append(
            f"The keys are not in it, as they come from the environment. Keep {', '.join(keys.ids())} yourself: "
            "without them the stored secrets cannot be read."
        )
    return remarks


def restore(source: Path, *, force: bool = False) -> list[str]:
    """Put an archive in place; returns what people should know. Raises `BackupFailed`, before anything is changed if it can."""
    try:
        with tempfile.TemporaryDirectory(prefix="restore-") as folder:
            manifest = _unpack(source, Path(folder))
            return _restore(Path(folder), manifest, force=force)
    except (redis.RedisError, DatabaseError, OSError, tarfile.TarError, zlib.error, EOFError, KeyError, ValueError) as error:
        raise BackupFailed(f"Not restored: {error}") from error


def _unpack(source: Path, folder: Path) -> dict[str, Any]:
    with tarfile.open(source, "r:gz") as archive:
        manifest: dict[str, Any] = json.loads(_read(archive, _MANIFEST))
        if manifest.get("format") != FORMAT:
            raise BackupFailed(f"The archive has the format {manifest.get('format')}; this release reads {FORMAT}.")
        for name in (_REDIS, _DATABASE):
            with (folder / name).open("wb") as file:
                shutil.copyfileobj(_member(archive, name), file)
        manifest["kept"] = {name: _read(archive, _KEYS + name).decode() for name in manifest["keys"]}
    return manifest


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    return _member(archive, name).read()


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """Open one of the members we know by name; nothing is ever unpacked to a path that the archive chooses."""
    member = archive.extractfile(name)
    if member is None:
        raise BackupFailed(f"The archive lacks {name}.")
    return member


def _restore(folder: Path, manifest: dict[str, Any], *, force: bool) -> list[str]:
    with sync_client(_SECONDS) as client:
        _demand_fit(manifest)
        database.check(folder / _DATABASE)
        redis_keys.demand_nobody_lives(client)
        if not force:
            _demand_empty(client)
        missing = keys.missing(manifest["key_ids"], manifest["kept"])
        keys.load(manifest["kept"])
        database.load(folder / _DATABASE)
        redis_keys.clear(client)
        with (folder / _REDIS).open() as lines:
            count = redis_keys.load(client, lines)
    remarks = [f"Restored what was copied at {manifest['made_at']}: {count} Redis keys and the database."]
    if missing:
        remarks.append(f"Secrets sealed with the keys {', '.join(missing)} cannot be read: add these to WEGNOLOGY_SECRET_KEYS.")
    remarks.append("Run `manage.py migrate` before the processes start, in case the copy is of an earlier release.")
    return remarks


def _demand_fit(manifest: dict[str, Any]) -> None:
    if manifest["database"] != database.kind():
        raise BackupFailed(f"The copy is of a {manifest['database']} database; DATABASE_URL names a {database.kind()} one.")
    if manifest["partitions"] != settings.PARTITIONS:
        raise BackupFailed(f"The copy has {manifest['partitions']} partitions: set WEGNOLOGY_PARTITIONS to that first.")


def _demand_empty(client: redis.Redis) -> None:
    full = [
        name for name, holds in (("database", database.holds_something()), ("Redis", redis_keys.holds_something(client))) if holds
    ]
    if full:
        raise BackupFailed(f"The {' and the '.join(full)} in place hold data. --force replaces it; it is gone then.")
