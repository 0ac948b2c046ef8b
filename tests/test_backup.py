"""Backup and restore bring back everything, refuse what would destroy something, and lose nothing that moves meanwhile."""

import io
import json
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from integrations.runtime.keys import key, partition_of
from tests.installation import Installation
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from wegnology.backup import redis_keys
from wegnology.backup.exceptions import BackupFailed
from wegnology.lib.crypto import key_id, new_key
from wegnology.lib.ids import new_id

FILL = """
from django.conf import settings
from wegnology.applications.models import Application, Global
from wegnology.lib.crypto import Keyring
application = Application.objects.create(name="Plant 7", description=Keyring(settings.SECRET_KEYS).seal("s3cret", "here"))
Global.objects.create(application=application, key="threshold", value={"low": [1, 2.5]})
"""
SHOW = """
from django.conf import settings
from wegnology.applications.models import Application
from wegnology.lib.crypto import Keyring
application = Application.objects.get()
print(application.name, Keyring(settings.SECRET_KEYS).unseal(application.description, "here"), application.globals_for_runs())
"""
SHOWN = "Plant 7 s3cret {'threshold': {'low': [1, 2.5]}}"
INTEGRATION = new_id()


def fill_redis(client: redis.Redis, prefix: str) -> list[str]:
    """Put three waiting events and what belongs to them under a prefix; returns the ids of the entries."""
    ids = [f"{1_700_000_000_000 + n}-0" for n in range(3)]
    for entry in ids:
        client.xadd(f"{prefix}:inbox:{INTEGRATION}", {"e": "event 1"}, id=entry)
    client.hset(f"{prefix}:box:{INTEGRATION}", mapping={"bytes": 21})
    client.hset(f"{prefix}:position:{INTEGRATION}", mapping={"hub/0": "3:x"})
    client.hset(f"{prefix}:ledger:{INTEGRATION}:1700000000000", mapping={"received": 3})
    client.sadd(f"{prefix}:ready:{partition_of(INTEGRATION)}", INTEGRATION)
    client.set(f"{prefix}:sends:{new_id()}", b"\x00\xff", ex=3600)
    client.set(f"{prefix}:listen:7", "p/token", px=60_000)
    return ids


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer) -> tuple[Installation, Installation]:
    """Two installations, the first migrated: where things are, and where they shall come back."""
    urls = ["", ""]
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        urls = [server.create_database(f"backup_{new_id()}") for _ in urls]
    first, second = (
        Installation(
            tmp_path / name, DATABASE_URL=url, REDIS_URL=redis_server.url, WEGNOLOGY_REDIS_PREFIX=f"{name}-{tmp_path.name}"
        )
        for name, url in zip(("first", "second"), urls, strict=True)
    )
    first.done("migrate", "-v", "0")
    return first, second


def prefix_of(place: Installation) -> str:
    return place.environment["WEGNOLOGY_REDIS_PREFIX"]


def test_everything_comes_back(places: tuple[Installation, Installation], redis_server: RedisServer, tmp_path: Path) -> None:
    first, second = places
    archive = tmp_path / "backup.tar.gz"
    first.python(FILL)
    with redis_server.client() as client:
        ids = fill_redis(client, prefix_of(first))
    printed = first.done("backup", str(archive))
    assert "3 waiting events" in printed
    assert archive.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar.gz", "first", "second"]
    assert "never overwrites" in first.refused("backup", str(archive))

    second.done("restore", str(archive))
    assert second.python(SHOW).strip() == SHOWN
    with redis_server.client() as client:
        to = prefix_of(second)
        assert [entry[0].decode() for entry in client.xrange(f"{to}:inbox:{INTEGRATION}")] == ids
        assert client.smembers(f"{to}:ready:{partition_of(INTEGRATION)}") == {INTEGRATION.encode()}
        assert client.get(f"{to}:bytes") == b"21"
        assert client.smembers(f"{to}:dirty") == {f"ledger:{INTEGRATION}:1700000000000".encode()}
        assert not client.exists(f"{to}:listen:7")
        (sends,) = client.keys(f"{to}:sends:*")
        assert client.get(sends) == b"\x00\xff"
        assert 3_500 < client.ttl(sends) <= 3_600

    second.python("from wegnology.applications.models import Application; Application.objects.create(name='Later')")
    assert "--force" in second.refused("restore", str(archive))
    second.done("restore", str(archive), "--force")
    assert second.python(SHOW).strip() == SHOWN


def test_a_migrated_but_empty_place_takes_a_copy(places: tuple[Installation, Installation], tmp_path: Path) -> None:
    first, second = places
    first.python(FILL)
    first.done("backup", str(tmp_path / "backup.tar.gz"))
    second.done("migrate", "-v", "0")
    second.done("restore", str(tmp_path / "backup.tar.gz"))
    assert second.python(SHOW).strip() == SHOWN


def test_keys_of_the_environment_stay_out_of_the_archive(tmp_path: Path, redis_server: RedisServer) -> None:
    secret = new_key()
    given = {"WEGNOLOGY_SECRET_KEYS": secret, "DJANGO_SECRET_KEY": "k" * 50, "REDIS_URL": redis_server.url}
    first = Installation(tmp_path / "first", **given, WEGNOLOGY_REDIS_PREFIX="first")
    first.done("migrate", "-v", "0")
    archive = tmp_path / "backup.tar.gz"
    assert key_id(secret) in first.done("backup", str(archive))
    with tarfile.open(archive) as members:
        assert sorted(members.getnames()) == ["database", "manifest.json", "redis.jsonl"]
        manifest = members.extractfile("manifest.json")
        assert manifest is not None
        assert json.load(manifest)["key_ids"] == [key_id(secret)]
    second = Installation(tmp_path / "second", REDIS_URL=redis_server.url, WEGNOLOGY_REDIS_PREFIX="second")
    assert f"{key_id(secret)} cannot be read" in second.done("restore", str(archive))


def test_a_restore_is_refused_under_living_processes_and_for_what_does_not_fit(tmp_path: Path, redis_server: RedisServer) -> None:
    place = Installation(tmp_path / "place", REDIS_URL=redis_server.url, WEGNOLOGY_REDIS_PREFIX="place")
    place.done("migrate", "-v", "0")
    archive = tmp_path / "backup.tar.gz"
    place.done("backup", str(archive))
    with redis_server.client() as client:
        client.zadd("place:workers", {"w1": (time.time() + 60) * 1000})
        assert "stop all processes" in place.refused("restore", str(archive), "--force")
        client.delete("place:workers")
    other = Installation(tmp_path / "other", REDIS_URL=redis_server.url, WEGNOLOGY_PARTITIONS="32")
    assert "WEGNOLOGY_PARTITIONS" in other.refused("restore", str(archive))
    damaged = tmp_path / "damaged.tar.gz"
    damaged.write_bytes(archive.read_bytes()[:-200])
    assert "Not restored" in place.refused("restore", str(damaged), "--force")


def test_the_embedded_redis_is_started_for_a_command(tmp_path: Path) -> None:
    place = Installation(tmp_path / "place")
    place.done("migrate", "-v", "0")
    place.done("backup", str(tmp_path / "backup.tar.gz"))
    place.done("restore", str(tmp_path / "backup.tar.gz"))
    url = (place.folder / "redis" / "url").read_text()
    with redis.Redis.from_url(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


class MovingTarget(io.StringIO):
    """A file during whose writing events go their way: out of an inbox, into another integration's outbox, in one step."""

    def __init__(self, client: redis.Redis, inboxes: list[str], outbox: str) -> None:
        super().__init__()
        self._client, self._inboxes, self._outbox = client, inboxes, outbox

    def write(self, line: str) -> int:
        for inbox in self._inboxes:
            entries: Any = self._client.xrange(key("inbox", inbox), count=1)
            if entries:
                with self._client.pipeline(transaction=True) as pipe:
                    pipe.xdel(key("inbox", inbox), entries[0][0])
                    pipe.xadd(key("outbox", self._outbox), {"m": entries[0][1][b"e"]})
                    pipe.execute()
        return super().write(line)


@pytest.mark.parametrize("outbox_comes", ["first", "last"])
def test_events_that_move_while_the_copy_is_made_are_in_it(redis_here: RedisServer, outbox_comes: str) -> None:
    inboxes = [f"{n:024x}" for n in range(100, 110)]
    outbox = "0" * 24 if outbox_comes == "first" else "f" * 24
    with redis_here.client() as client:
        events = {f"{inbox}-{n}" for inbox in inboxes for n in range(5)}
        for event in sorted(events):
            client.xadd(key("inbox", event.partition("-")[0]), {"e": event})
        file = MovingTarget(client, inboxes, outbox)
        redis_keys.dump(client, file)
        assert not any(client.xlen(key("inbox", inbox)) for inbox in inboxes), "everything moved while the copy was made"
        redis_keys.clear(client)
        redis_keys.load(client, file.getvalue().splitlines())
        kept = {entry[1][b"e"].decode() for inbox in inboxes for entry in client.xrange(key("inbox", inbox))}
        sent = {entry[1][b"m"].decode() for entry in client.xrange(key("outbox", outbox))}
    assert kept | sent == events


def test_names_of_any_bytes_and_glob_signs_in_the_prefix(redis_here: RedisServer, settings: object) -> None:
    settings.REDIS_PREFIX = "a*[b]"  # type: ignore[attr-defined]
    with redis_here.client() as client:
        client.set(b"a*[b]:storage:\xff\x00", "ours")
        client.set("axb:storage:1", "not ours")
        file = io.StringIO()
        assert redis_keys.dump(client, file).keys == 1
        redis_keys.clear(client)
        assert client.get("axb:storage:1") == b"not ours"
        redis_keys.load(client, file.getvalue().splitlines())
        assert client.get(b"a*[b]:storage:\xff\x00") == b"ours"


def test_a_copy_that_the_server_does_not_take_is_refused_in_words(redis_here: RedisServer) -> None:
    with redis_here.client() as client, pytest.raises(BackupFailed, match="version"):
        redis_keys.load(client, [json.dumps({"key": "meta", "life_ms": 0, "value": "bm90IGEgZHVtcA=="})])
