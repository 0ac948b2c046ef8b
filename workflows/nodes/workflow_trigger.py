"""Workflow Trigger: presses a virtual button of a workflow, at once or later, or takes back what was scheduled."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from wegnology.lib.javascript import number
from wegnology.lib.schema import ConfigInvalid, Schema, ui
from wegnology.lib.templating import Template, parse_json_template
from wegnology.lib.types import JSONObject, JSONValue
from workflows.nodes.base import (
    AwaitingNode,
    Button,
    Category,
    NodeFailed,
    Result,
    RunContext,
    nodes,
    optional_path,
    path_of,
    template_of,
)

MOST_SECONDS = 365 * 24 * 3600
_STARTS: dict[str, list[JSONValue]] = {"behavior": ["immediate", "schedule"]}
_SCHEDULES: dict[str, list[JSONValue]] = {"behavior": ["schedule"]}


class WorkflowTriggerConfig(Schema):
    """Settings of `WorkflowTriggerNode`."""

    behavior: Literal["immediate", "schedule", "cancel"] = Field(
        default="immediate",
        description="immediate: start a run with the end of this one. schedule: start it later. cancel: take one back.",
    )
    trigger_workflow_id: str = Field(
        default="",
        max_length=1024,
        description="Id of the workflow, of the same application.",
        examples=["6653a1f0c2b84e7d9a5f1302"],
        json_schema_extra=ui(when=_STARTS),
    )
    flow_version_template: str = Field(
        default="",
        max_length=1024,
        description="Version to run, a template. Blank or default: the one that triggers fire.",
        examples=["develop"],
        json_schema_extra=ui(when=_STARTS),
    )
    trigger_virtual_button_id: str = Field(
        default="",
        max_length=1024,
        description="Key of the virtual button trigger in that workflow, made when it was saved.",
        examples=["6653a1f0c2b84e7d9a5f1302-k3Jx9Qa0Lm"],
        json_schema_extra=ui(when=_STARTS),
    )
    payload_template_type: Literal["json", "string", "path"] = Field(
        default="json",
        description="What payloadTemplate is: a JSON template, a template that gives text, or a payload path.",
        json_schema_extra=ui(when=_STARTS),
    )
    payload_template: str = Field(
        default="",
        max_length=65_536,
        description="What the started run finds under data. Blank: an empty object.",
        examples=['{"device": {{jsonEncode data.topic}}}'],
        json_schema_extra=ui(when=_STARTS, multiline=True),
    )
    scheduling: Literal["relative", "absolute"] = Field(
        default="relative", description="When: after some seconds, or at a time.", json_schema_extra=ui(when=_SCHEDULES)
    )
    seconds_template: str = Field(
        default="",
        max_length=1024,
        description="Seconds from now, up to a year; a template.",
        json_schema_extra=ui(when={**_SCHEDULES, "scheduling": ["relative"]}),
    )
    date_template: str = Field(
        default="",
        max_length=1024,
        description="The time in ISO 8601, or in milliseconds since 1970; a template. One that is past is now.",
        json_schema_extra=ui(when={**_SCHEDULES, "scheduling": ["absolute"]}),
    )
    run_id_template: str = Field(
        default="",
        max_length=1024,
        description="Id of the scheduled run; a template.",
        json_schema_extra=ui(when={"behavior": ["cancel"]}),
    )
    result_path: str = Field(
        default="",
        max_length=1024,
        description="Payload path of the result: {runId}, and for cancel whether it was {cancelled}.",
        examples=["working.started"],
    )

    @field_validator("seconds_template", mode="before")
    @classmethod
    def _as_text(cls, value: object, info: ValidationInfo) -> object:
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


_NEEDED = {
    "immediate": ("triggerWorkflowId", "triggerVirtualButtonId"),
    "schedule": ("triggerWorkflowId", "triggerVirtualButtonId"),
    "cancel": ("runIdTemplate",),
}


@nodes.register
class WorkflowTriggerNode(AwaitingNode[WorkflowTriggerConfig]):
    """Starts a run of a workflow by one of its virtual buttons. At most 20 workflows trigger each other in a row."""

    name = "WorkflowTriggerNode"
    label = "Workflow"
    category = Category.OUTPUT
    Config = WorkflowTriggerConfig

    def __init__(self, config: WorkflowTriggerConfig) -> None:
        super().__init__(config)
        self.needs_task = config.behavior != "immediate"  # type: ignore[misc]  # those ask Redis
        values = config.model_dump(by_alias=True)
        needed = [*_NEEDED[config.behavior]]
        if config.behavior == "schedule":
            needed.append("secondsTemplate" if config.scheduling == "relative" else "dateTemplate")
        missing = {name: "This is needed." for name in needed if not str(values[name]).strip()}
        if missing:
            raise ConfigInvalid(missing)
        self._version = template_of("flowVersionTemplate", config.flow_version_template)
        when = config.seconds_template if config.scheduling == "relative" else config.date_template
        self._when = template_of("secondsTemplate" if config.scheduling == "relative" else "dateTemplate", when)
        self._run_id = template_of("runIdTemplate", config.run_id_template)
        given, is_path = config.payload_template, config.payload_template_type == "path"
        self._path = path_of("payloadTemplate", given) if is_path and given.strip() else None
        self._template: Template | None = template_of("payloadTemplate", given) if not is_path and given.strip() else None
        self._result = optional_path("resultPath", config.result_path)

    async def run(self, payload: JSONObject, context: RunContext) -> Result:
        result = await self._act(payload, context)
        return (payload if self._result is None else self._result.set(payload, result)), 0

    async def _act(self, payload: JSONObject, context: RunContext) -> JSONObject:
        if self.config.behavior == "cancel":
            run_id = self._run_id.render(payload).strip()
            return {"runId": run_id, "cancelled": await context.starts.cancel(run_id)}
        version = self._version.render(payload).strip()
        config = self.config
        button = Button(config.trigger_workflow_id, config.trigger_virtual_button_id, "" if version == "default" else version)
        data = self._data(payload)
        if config.behavior == "immediate":
            return {"runId": context.starts.start(button, data, self.node_id)}
        return {"runId": await context.starts.schedule(button, data, self._due_ms(payload, context), self.node_id)}

    def _data(self, payload: JSONObject) -> JSONValue:
        if self._path is not None:
            return self._path.get(payload)  # type: ignore[no-any-return]
        if self._template is None:
            return {}
        if self.config.payload_template_type == "json":
            return parse_json_template(self._template, payload)
        return self._template.render(payload)

    def _due_ms(self, payload: JSONObject, context: RunContext) -> int:
        text, now = self._when.render(payload).strip(), context.now_ms()
        due = self._relative(text, now) if self.config.scheduling == "relative" else _absolute(text)
        if due > now + MOST_SECONDS * 1000:
            raise NodeFailed("a run can be scheduled up to a year ahead", "ScheduleInvalid")
        return int(max(due, now))

    def _relative(self, text: str, now: int) -> float:
        seconds = number(text) if text else -1
        if not 0 <= seconds <= MOST_SECONDS:
            raise NodeFailed(f"the seconds must be a number from 0 to {MOST_SECONDS}, not {text[:80]!r}", "ScheduleInvalid")
        return now + seconds * 1000


def _absolute(text: str) -> float:
    """Return milliseconds since 1970; a time without a zone is in UTC."""
    if text.isdecimal():
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NodeFailed(
            f"the time must be in ISO 8601, such as 2030-01-31T12:00:00Z, not {text[:80]!r}", "ScheduleInvalid"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000
