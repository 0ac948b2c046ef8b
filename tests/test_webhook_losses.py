"""A worker that is killed between the answer 202 to a webhook call and its run loses nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from integrations.runtime.keys import key
from tests import factories
from tests.stack import Stack, running
from wegnology.lib.types import JSONObject
from workflows.models import Webhook

CALLS = 40


@pytest.fixture
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with running(Stack(tmp_path, supervised=True), request, roles=("worker",)) as stack:
        yield stack


def test_a_killed_worker_loses_no_accepted_call(hub: Stack) -> None:
    delay: JSONObject = {"id": "d", "type": "DelayNode", "config": {"delay": "0.2"}, "meta": {}, "outputIds": [["c"]]}
    add: JSONObject = {"keyName": "{{data.body.n}}", "valueType": "incr", "value": "1"}
    count: JSONObject = {"id": "c", "type": "StoreValueNode", "config": add, "meta": {}, "outputIds": [[]]}
    trigger: JSONObject = {"type": "webhook", "config": {}, "meta": {}, "outputIds": [["d"]]}
    row = factories.workflow(factories.application(), triggers=[trigger], nodes=[delay, count])
    address = f"/webhooks/{Webhook.objects.get().token()}"
    client, accepted = Client(), []
    for number in range(CALLS):
        answer = client.post(address, {"n": f"k{number}"}, content_type="application/json")
        accepted += [f"k{number}"] if answer.status_code == 202 else []
        if number == CALLS // 2:
            hub.processes[0].kill()
    assert len(accepted) == CALLS
    hub.wait_quiet(row.pk)
    found: Any = hub.client.hkeys(key("storage", row.pk))
    assert {name.decode() for name in found} == set(accepted)
    (line,) = hub.ledger(row.pk)
    assert (line.received, line.finished, line.waiting, line.balanced) == (CALLS, CALLS, 0, True)
