"""The example of the guide does what the guide says."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.workflows.exchange.samples import bring, contents, file, plant
from tests.workflows.fakes import FakeRunContext
from workflows import engine
from workflows.exceptions import RunFailed
from workflows.graph import Graph
from workflows.models import DEVELOP
from workflows.unsupported import EVERY_TYPE

SECTION = (Path(__file__).resolve().parents[3] / "docs" / "guide.md").read_text().partition("## Moving workflows")[2]
pytestmark = pytest.mark.django_db


def test_the_template_of_the_guide_arrives_and_runs_as_far_as_it_can() -> None:
    found = re.search(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    assert found is not None
    target = plant()
    report = bring(target, file(found[1], "vent.yaml"))
    (fault,) = report.not_supported
    assert f"`{fault.place}`: {fault.message.partition(':')[0]}" in SECTION.replace("\n", " ")
    assert not report.to_fill_in + report.to_fix
    version = contents(target.workflows.get(name="Vent alert"))[DEVELOP]
    trigger = Graph.parse(version.triggers, version.nodes, EVERY_TYPE).triggers("virtualButton", version.triggers[0]["key"])[0]
    payload = {"globals": version.globals}
    asyncio.run(engine.run(trigger, {**payload, "data": {"temperature": 20}}, FakeRunContext()))
    with pytest.raises(RunFailed) as caught:
        asyncio.run(engine.run(trigger, {**payload, "data": {"temperature": 31}}, FakeRunContext()))
    assert caught.value.node_label == "In the yard?"
