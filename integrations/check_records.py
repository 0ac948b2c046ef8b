"""Checks that people asked for, in Redis: what is to be checked, for a minute; what was found, for a day.

What is to be checked holds settings with their secrets, also ones that are not saved yet. They are sealed as in the database,
and the whole once more.
"""

import time
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import orjson
from django.utils.translation import gettext as _

from integrations.runtime.keys import key
from wegnology.applications.sealing import keyring
from wegnology.lib.check_steps import CheckStep
from wegnology.lib.ids import new_id
from wegnology.lib.redis import SyncRedis, sync_client
from wegnology.lib.types import JSONObject

AT_ONCE = 3
"""Checks of one application that may be under way."""
ASKED_SECONDS = 60
KEPT_SECONDS = 24 * 3600
_SPARE_MS = 5_000
LAST_SECONDS = 35
"""Longer than any check takes, with its start."""


class TooManyChecks(Exception):
    """So many checks of the application are under way that this one must wait; the text is for people."""


class AskGone(Exception):
    """What was to be checked is not there any more: somebody took it, or it waited too long."""


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """A check as people see it. `state` is "waiting", "running", "done" or "lost"; times in milliseconds since 1970."""

    application_id: str
    integration_id: str
    name: str
    type_label: str
    asker_id: str
    asker: str
    id: str = field(default_factory=new_id)
    asked_ms: int = field(default_factory=lambda: now_ms())
    began_ms: int = 0
    ended_ms: int = 0
    state: str = "waiting"
    saved: bool = True
    steps: tuple[CheckStep, ...] = ()

    def with_step(self, step: CheckStep) -> "CheckRecord":
        """Return the record with a step added, or replaced by a newer one of the same name."""
        names = [known.name for known in self.steps]
        if step.name not in names:
            return replace(self, steps=(*self.steps, step))
        at = names.index(step.name)
        return replace(self, steps=(*self.steps[:at], step, *self.steps[at + 1 :]))

    def ended(self) -> "CheckRecord":
        """Return the record as that of a check that is over."""
        return replace(self, state="done", ended_ms=now_ms())

    @property
    def over(self) -> bool:
        """Say whether nothing more will come."""
        return self.state in ("done", "lost")

    @property
    def worked(self) -> bool:
        """Say whether everything worked, if not without a warning."""
        return self.state == "done" and all(step.state in ("ok", "warning") for step in self.steps)

    def to_json(self) -> bytes:
        """Return the stored form."""
        return orjson.dumps({**asdict(self), "steps": [step._asdict() for step in self.steps]})

    @classmethod
    def from_json(cls, text: bytes | str) -> "CheckRecord":
        """Read the stored form."""
        stored: dict[str, Any] = orjson.loads(text)
        return cls(**{**stored, "steps": tuple(CheckStep(**step) for step in stored["steps"])})


def ask(record: CheckRecord, wanted: JSONObject) -> None:
    """Put down what is to be checked. Raises `TooManyChecks`, and what `RedisAway` names."""
    sealed = keyring().seal(orjson.dumps(wanted).decode(), _place(record.id))
    mine = key("checks", record.application_id)
    with closing(sync_client()) as client:
        with client.pipeline(transaction=True) as pipe:
            pipe.zremrangebyscore(mine, 0, now_ms())
            pipe.zadd(mine, {record.id: now_ms() + LAST_SECONDS * 1000})
            pipe.expire(mine, ASKED_SECONDS)
            pipe.zcard(mine)
            under_way = int(pipe.execute()[-1])
        if under_way > AT_ONCE:
            client.zrem(mine, record.id)
            raise TooManyChecks(
                _("%(at_once)s checks of this application are under way; wait until one of them has ended.")
                % {"at_once": AT_ONCE}
            )
        with client.pipeline(transaction=True) as pipe:
            pipe.set(key("check", record.id), sealed, ex=ASKED_SECONDS)
            pipe.set(key("checked", record.id), record.to_json(), ex=KEPT_SECONDS)
            if record.saved:
                pipe.set(key("lastcheck", record.integration_id), record.id, ex=KEPT_SECONDS)
            pipe.execute()


def take(client: SyncRedis, check_id: str) -> tuple[CheckRecord, JSONObject]:
    """Take what is to be checked; whoever comes second gets `AskGone`."""
    with client.pipeline(transaction=True) as pipe:
        pipe.getdel(key("check", check_id))
        pipe.get(key("checked", check_id))
        sealed, text = pipe.execute()
    if sealed is None or text is None:
        raise AskGone(check_id)
    wanted: JSONObject = orjson.loads(keyring().unseal(sealed.decode(), _place(check_id)))
    return replace(CheckRecord.from_json(text), state="running", began_ms=now_ms()), wanted


def write(client: SyncRedis, record: CheckRecord) -> None:
    """Write how a check stands; one that is over makes room for another."""
    with client.pipeline(transaction=True) as pipe:
        pipe.set(key("checked", record.id), record.to_json(), ex=KEPT_SECONDS)
        if record.over:
            pipe.zrem(key("checks", record.application_id), record.id)
        pipe.execute()


def read(client: SyncRedis, check_id: str) -> CheckRecord | None:
    """Return how a check stands; one whose process went away is "lost"."""
    text = client.get(key("checked", check_id))
    return _judged(CheckRecord.from_json(text)) if text is not None else None


def read_last(client: SyncRedis, integration_id: str) -> CheckRecord | None:
    """Return the last check of an integration, as it was stored, if there was one within a day."""
    check_id: Any = client.get(key("lastcheck", integration_id))
    return read(client, check_id.decode()) if check_id is not None else None


def tasks_alive(client: SyncRedis) -> int:
    """Return how many processes take tasks."""
    return int(client.zcount(key("tasks"), now_ms(), "+inf"))


def now_ms() -> int:
    """Return the time in milliseconds since 1970."""
    return int(time.time() * 1000)


def _judged(record: CheckRecord) -> CheckRecord:
    now = now_ms()
    waited_out = record.state == "waiting" and now > record.asked_ms + ASKED_SECONDS * 1000
    died = record.state == "running" and now > record.began_ms + LAST_SECONDS * 1000 + _SPARE_MS
    if not (waited_out or died):
        return record
    steps = tuple(_unfinished(step) for step in record.steps)
    return replace(record, state="lost", steps=steps)


def _unfinished(step: CheckStep) -> CheckStep:
    if step.state == "running":
        return step._replace(state="failed", detail=_("The process that ran the check ended in the middle of it."))
    return step._replace(state="skipped") if step.state == "waiting" else step


def _place(check_id: str) -> str:
    return f"check:{check_id}"
