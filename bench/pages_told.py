"""What Redis holds of a full application, for measuring pages: states, messages with their outcomes, runs, debug values."""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import orjson

from wegnology.lib.types import JSONObject

LISTENER = "bench-listener"
MESSAGES = 100
RUNS = 50
HITS = 100
BODY = '{"device": "press-7", "temperature": 31.5, "pressure": 1.02}'


def tell(application: Any, integrations: Sequence[Any], workflows: Sequence[Any]) -> dict[str, str]:
    """Write what listeners, workers and checks would have; return the ids of what has a page."""
    from integrations import check_records, trial_records
    from integrations.check_records import CheckRecord
    from integrations.trial_records import Trial
    from wegnology.lib.redis import sync_client

    row = integrations[0]
    check = CheckRecord(application.pk, row.pk, row.name, "MQTT", "1", "operator")
    trial = Trial(application.pk, row.pk, "operator")
    check_records.ask(check, {})
    trial_records.ask(trial, {})
    with closing(sync_client()) as client:
        _states(client, integrations)
        event = _messages(client, row.pk, workflows)
        run = _runs(client, row.pk, workflows)
        _hits(client, workflows[0])
    return {"check": check.id, "trial": trial.id, "event": event, "run": run}


def _states(client: Any, integrations: Sequence[Any]) -> None:
    from django.conf import settings

    from integrations.runtime.keys import key
    from integrations.runtime.ledger import HOUR_MS
    from integrations.runtime.status import ConnectionState, Status

    now = int(time.time() * 1000)
    parts: list[JSONObject] = [
        {"topic": topic, "granted": True, "detail": "QoS 1", "proof_ms": now, "last_ms": now} for topic in ("a/#", "b/+/c")
    ]
    up = Status(
        ConnectionState.CONNECTED, since_ms=now - 60_000, connected_ms=now - 60_000, listener=LISTENER, subscriptions=parts
    )
    down = Status(ConnectionState.DISCONNECTED, since_ms=now, listener=LISTENER, latest_cause="The broker refused.", attempts=7)
    soon, hour = now + 3_600_000, now - now % HOUR_MS
    with client.pipeline(transaction=False) as pipe:
        pipe.zadd(key("listeners"), {LISTENER: soon})
        pipe.zadd(key("workers"), {"bench-worker": soon})
        pipe.mset({key("listen", p): f"{LISTENER}/token" for p in range(settings.PARTITIONS)})
        for number, row in enumerate(integrations):
            pipe.set(key("status", row.pk), (up if number % 10 else down).to_json())
            for name, value in (("proof", soon), ("last", now), ("pace", b"[20,0,0,900000]"), ("rates", _rates(now))):
                pipe.hset(key(name), row.pk, value)
            pipe.hset(key("ledger", row.pk, hour), mapping={"messages": 50, "finished": 50})
        pipe.execute()


def _rates(now: int) -> bytes:
    return orjson.dumps({"t": now + 600_000, "in": 1.5, "out": 1.5, "limit": 20.0})


def _messages(client: Any, integration_id: str, workflows: Sequence[Any]) -> str:
    from integrations.runtime.inspector import Outcome, Way
    from integrations.runtime.keys import key
    from wegnology.lib.ids import new_id

    now = int(time.time() * 1000)
    for _ in range(MESSAGES):
        event = new_id()
        data = {"topic": "a/b", "message": BODY, "qos": 1, "retain": False}
        record = {"id": event, "a": now, "t": now, "k": "message", "n": 200, "d": data}
        client.rpush(key("messages", integration_id), orjson.dumps(record))
        runs = [(one.pk, one.default_version_id, "") for one in workflows[:20]]
        ended = Outcome(event, "finished", now, 0, now + 2, now + 5, runs, [Way(integration_id, "sent", 2)])
        client.rpush(key("outcomes", integration_id), ended.stored())
    return event


def _runs(client: Any, integration_id: str, workflows: Sequence[Any]) -> str:
    from integrations.runtime.keys import key
    from wegnology.lib.ids import new_id
    from workflows.insight.runs import Failure, Run, Visit

    visits = tuple(Visit(f"{name}{lap}", name, 0.1, 0.1, 0) for lap in range(10) for name in ("decode", "compare", "alert"))
    now = int(time.time() * 1000)
    with client.pipeline(transaction=False) as pipe:
        for row in workflows[1:]:
            last = Run(new_id(), 0, row.default_version_id, now, 2.0, 3, integration_id, "message", "integration", 30, visits)
            pipe.lpush(key("runs", row.pk), last.to_json())
        first = workflows[0]
        for name, failure in (("failures", Failure("JSON", "not JSON", "decode0", "Decode")), ("runs", None)):
            for _ in range(RUNS):
                about = (integration_id, "message", "integration", 30, visits, failure)
                last = Run(new_id(), 0, first.default_version_id, now, 2.0, 3, *about)
                pipe.lpush(key(name, first.pk), last.to_json())
        pipe.execute()
    return last.id


def _hits(client: Any, workflow: Any) -> None:
    from integrations.runtime.keys import key
    from workflows.insight.hits import ShownHit, stored_hit

    now = int(time.time() * 1000)
    for _ in range(HITS):
        hit = ShownHit(
            "", now, "info", "reading", BODY, False, "decode0", "Decode", ["decode0"], "r", workflow.default_version_id
        )
        client.xadd(key("debug", workflow.pk), {"h": stored_hit(hit)})
