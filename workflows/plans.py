"""What a worker keeps of a workflow version and of a source of events, and which runs an event of a workflow's own starts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from integrations.connectors.base import AnyConnector
from integrations.events import TriggerEvent
from integrations.runtime.snapshot import Desired
from wegnology.lib.types import JSONObject
from workflows.graph import Graph, Trigger
from workflows.models import DEVELOP
from workflows.triggers import BUTTON, FLOW_ERROR, FlowErrorConfig


@dataclass(frozen=True, slots=True)
class Plan:
    """One workflow version, ready to run. `faults` says why it cannot; then `graph` is None."""

    application_id: str
    workflow_id: str
    version_id: str
    graph: Graph | None
    envelope: JSONObject
    """The part of the payload that is the same for every run."""
    globals: JSONObject
    flat_globals: bool
    faults: str = ""


class Match(NamedTuple):
    """A workflow to run for an event, and the trigger that asks for it; None when the workflow cannot be compiled."""

    plan: Plan
    trigger: Trigger | None


@dataclass(frozen=True, slots=True)
class Known:
    """What runs need to know of a source of events: an integration, or a workflow with triggers of its own.

    `rate` is None for the installation's default, 0 for no limit.
    """

    integration_id: str
    application_id: str
    partition: int
    enabled: bool
    connector: type[AnyConnector] | None
    rate: float | None
    name: str
    desired: Desired | None = None
    """Settings and login, for types that send by request."""
    queues: bool = field(init=False)
    """Whether it is enabled and a message to it waits for its connection, and for nothing else."""

    def __post_init__(self) -> None:
        connector = self.connector
        live = connector is not None and connector.Outgoing is not None and connector.sends_live and not connector.send_waits
        object.__setattr__(self, "queues", self.enabled and live)


@dataclass(slots=True)
class OwnSources:
    """The workflows of one application by what else than integrations fires them."""

    live: dict[str, Plan] = field(default_factory=dict)
    """The version that triggers fire, by workflow; enabled ones only."""
    develop: dict[str, Callable[[], Plan]] = field(default_factory=dict)
    """Makes the develop version of workflows whose triggers fire another one, for replays; enabled ones only."""
    named: dict[tuple[str, str], Plan] = field(default_factory=dict)
    """Versions that may be asked for by name, by workflow and name; enabled ones only."""

    def plan(self, workflow_id: str, version: str = "") -> Plan | None:
        """Return a version; without a name the one that triggers fire."""
        return self.named.get((workflow_id, version)) if version else self.live.get(workflow_id)

    def developed(self, workflow_id: str) -> Plan | None:
        """Return the develop version, which may be the one that triggers fire."""
        made = self.develop.get(workflow_id)
        return made() if made is not None else self.live.get(workflow_id)

    def matches(self, workflow_id: str, event: TriggerEvent) -> list[Match]:
        """Return the runs that an event of a workflow's own starts: none when it asks for a version that does not exist."""
        replayed = event.replay_of and event.version == DEVELOP
        plan = self.developed(workflow_id) if replayed else self.plan(workflow_id, event.version)
        origin = event.origin
        if plan is None or origin is None:
            return []
        if plan.graph is None:
            return [Match(plan, None)]
        if origin.trigger_type == FLOW_ERROR:
            return [Match(plan, trigger) for trigger in _covering(plan.graph, own=origin.relay_id == workflow_id)]
        return [Match(plan, trigger) for trigger in plan.graph.triggers(origin.trigger_type, origin.trigger_id)]

    def error_handlers(self, workflow_id: str) -> Iterator[str]:
        """Yield the workflows whose triggers want the errors of this one: itself first, then others in the order of their ids."""
        others = [pk for pk in sorted(self.live) if pk != workflow_id]
        for pk in [workflow_id, *others]:
            plan = self.live.get(pk)
            if plan is not None and plan.graph is not None and _covering(plan.graph, own=pk == workflow_id):
                yield pk

    def has_button(self, plan: Plan, key: str) -> bool:
        """Say whether a version can be started by that virtual button; one that cannot be compiled is parked when it runs."""
        return plan.graph is None or bool(plan.graph.triggers(BUTTON, key))


def _covering(graph: Graph, own: bool) -> list[Trigger]:
    """Return the error triggers that fire, the narrower ones first."""
    found = [(t.config, t) for t in graph.of_type(FLOW_ERROR) if isinstance(t.config, FlowErrorConfig) and t.config.covers(own)]
    return [trigger for config, trigger in sorted(found, key=lambda pair: pair[0].scope != "local")]
