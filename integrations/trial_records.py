"""Test messages that people asked for, in Redis: what is to be sent, sealed and for a minute; what became of it, for a day."""

import time
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

import orjson
from django.utils.translation import gettext as _

from integrations.runtime.keys import key
from wegnology.applications.sealing import keyring
from wegnology.lib.ids import new_id
from wegnology.lib.redis import SyncRedis, sync_client
from wegnology.lib.types import JSONObject

MOST_A_MINUTE = 30
"""Test messages of one application."""
ASKED_SECONDS = 60
KEPT_SECONDS = 24 * 3600
LAST_MS = 45_000
"""Longer than any send takes, with its start."""

TrialState = Literal["waiting", "running", "sent", "failed", "unknown", "lost"]


class TooManyTrials(Exception):
    """So many test messages were asked for in this minute that this one must wait; the text is for people."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A test message as people see it; times in milliseconds since 1970. `detail`: what the service or the runtime said."""

    application_id: str
    integration_id: str
    asker: str
    id: str = field(default_factory=new_id)
    asked_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    ended_ms: int = 0
    state: TrialState = "waiting"
    detail: str = ""

    @property
    def over(self) -> bool:
        """Say whether nothing more will come."""
        return self.state not in ("waiting", "running")

    def ended(self, state: TrialState, detail: str) -> "Trial":
        """Return the trial as one that is over."""
        return replace(self, state=state, detail=detail[:2000], ended_ms=int(time.time() * 1000))

    def to_json(self) -> bytes:
        """Return the stored form."""
        return orjson.dumps(asdict(self))


def ask(trial: Trial, message: JSONObject) -> None:
    """Put down what is to be sent. Raises `TooManyTrials`, and what `RedisAway` names."""
    mine = key("trials", trial.application_id)
    with closing(sync_client()) as client:
        with client.pipeline(transaction=True) as pipe:
            pipe.incr(mine)
            pipe.expire(mine, ASKED_SECONDS, nx=True)
            asked = int(pipe.execute()[0])
        if asked > MOST_A_MINUTE:
            raise TooManyTrials(
                _("%(most_a_minute)s test messages of this application were sent within a minute; wait a little.")
                % {"most_a_minute": MOST_A_MINUTE}
            )
        sealed = keyring().seal(orjson.dumps(message).decode(), _place(trial.id))
        with client.pipeline(transaction=True) as pipe:
            pipe.set(key("trial", trial.id), sealed, ex=ASKED_SECONDS)
            pipe.set(key("tried", trial.id), trial.to_json(), ex=KEPT_SECONDS)
            pipe.set(key("lasttrial", trial.integration_id), trial.id, ex=KEPT_SECONDS)
            pipe.execute()


def take(client: SyncRedis, trial_id: str) -> tuple[Trial, JSONObject] | None:
    """Take what is to be sent; None for whoever comes second or too late."""
    with client.pipeline(transaction=True) as pipe:
        pipe.getdel(key("trial", trial_id))
        pipe.get(key("tried", trial_id))
        sealed, text = pipe.execute()
    if sealed is None or text is None:
        return None
    message: JSONObject = orjson.loads(keyring().unseal(sealed.decode(), _place(trial_id)))
    trial = replace(Trial(**orjson.loads(text)), state="running")
    write(client, trial)
    return trial, message


def write(client: SyncRedis, trial: Trial) -> None:
    """Write what became of a test message so far."""
    client.set(key("tried", trial.id), trial.to_json(), ex=KEPT_SECONDS)


def read(trial_id: str) -> Trial | None:
    """Return what became of a test message; one whose process went away is "lost". Raises what `RedisAway` names."""
    with closing(sync_client()) as client:
        text = client.get(key("tried", trial_id))
    if text is None:
        return None
    trial = Trial(**orjson.loads(text))
    waited = int(time.time() * 1000) - trial.asked_ms
    late = waited > (ASKED_SECONDS * 1000 if trial.state == "waiting" else ASKED_SECONDS * 1000 + LAST_MS)
    return replace(trial, state="lost") if late and not trial.over else trial


def read_last(integration_id: str) -> Trial | None:
    """Return the last test message of an integration, if there was one within a day. Raises what `RedisAway` names."""
    with closing(sync_client()) as client:
        trial_id = client.get(key("lasttrial", integration_id))
    return read(trial_id.decode()) if isinstance(trial_id, bytes) else None


def _place(trial_id: str) -> str:
    return f"trial:{trial_id}"
