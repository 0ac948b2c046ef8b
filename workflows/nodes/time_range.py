"""Time Range: two ways on, by the time of day and the day of the week."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from wegnology.lib.moments import MomentError, from_ms, zone
from wegnology.lib.moments_reading import read
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, nodes, optional_path, template_of

_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
EVERY_DAY = [True] * 7


class TimeRangeConfig(Schema):
    """Settings of `TimeRangeNode`."""

    start_time_template: str = Field(
        min_length=1, max_length=1024, description="Where the range begins, as HH:MM; a template.", examples=["09:00"]
    )
    end_time_template: str = Field(
        min_length=1,
        max_length=1024,
        description="Where the range ends, not included, as HH:MM; a template. Before the begin: it ends on the next day.",
        examples=["17:00"],
    )
    time_zone_template: str = Field(
        min_length=1, max_length=1024, description="Time zone such as Europe/Berlin; a template.", examples=["Europe/Berlin"]
    )
    days_type: Literal["array", "path"] = Field(
        default="array", description="Where the days are: in `days` (array) or in the payload (path)."
    )
    days: Annotated[list[bool], Field(min_length=7, max_length=7)] = Field(
        default=EVERY_DAY, description="Whether the range holds on each day of the week, Sunday first."
    )
    days_path: str = Field(default="", description="Payload path of an array of days: 0 is Sunday, 6 is Saturday.")
    source_path: str = Field(default="", description="Payload path of the time to judge; blank is the time of the event.")
    branch_path: str = Field(default="", description="Payload path where true (inside) or false is noted.")


@nodes.register
class TimeRangeNode(Node[TimeRangeConfig]):
    """Leaves through the second output inside the range, else through the first. One over midnight belongs to its first day."""

    name = "TimeRangeNode"
    label = "Time Range"
    category = Category.LOGIC
    Config = TimeRangeConfig
    outputs = ("outside", "inside")

    def __init__(self, config: TimeRangeConfig) -> None:
        super().__init__(config)
        self._start = template_of("startTimeTemplate", config.start_time_template)
        self._end = template_of("endTimeTemplate", config.end_time_template)
        self._zone = template_of("timeZoneTemplate", config.time_zone_template)
        self._source = optional_path("sourcePath", config.source_path)
        self._branch = optional_path("branchPath", config.branch_path)
        self._days_path = optional_path("daysPath", config.days_path)
        if config.days_type == "path" and self._days_path is None:
            raise ConfigInvalid({"daysPath": "Say where the days are."})
        for field, text in (("startTimeTemplate", config.start_time_template), ("endTimeTemplate", config.end_time_template)):
            if "{{" not in text and not _TIME.fullmatch(text.strip()):
                raise ConfigInvalid({field: "Write the time as HH:MM, such as 09:30."})

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        moment = self._moment(payload, context)
        start = _minutes("startTimeTemplate", self._start.render(payload))
        end = _minutes("endTimeTemplate", self._end.render(payload))
        inside = self._inside(moment, start, end, payload)
        if self._branch is not None:
            payload = self._branch.set(payload, inside)
        return payload, (1 if inside else 0)

    def _moment(self, payload: JSONObject, context: RunContext) -> datetime:
        try:
            where = zone(self._zone.render(payload).strip())
            if self._source is not None:
                return read(self._source.get(payload), "", where)
            return read(payload["time"], "", where) if "time" in payload else from_ms(context.now_ms(), where)
        except MomentError as error:
            raise NodeFailed(str(error)) from None

    def _inside(self, moment: datetime, start: int, end: int, payload: JSONObject) -> bool:
        now, today = moment.hour * 60 + moment.minute, moment.isoweekday() % 7
        days = self._days(payload)
        if start < end:
            return start <= now < end and today in days
        return (now >= start and today in days) or (now < end and (today - 1) % 7 in days)

    def _days(self, payload: JSONObject) -> set[int]:
        if self._days_path is None or self.config.days_type == "array":
            return {day for day, wanted in enumerate(self.config.days) if wanted}
        found = self._days_path.get(payload)
        if not isinstance(found, list) or not all(day in range(7) for day in found):
            raise NodeFailed(f"{self._days_path.text} must be an array of days from 0 (Sunday) to 6 (Saturday)")
        return {int(day) for day in found}


def _minutes(field: str, text: str) -> int:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise NodeFailed(f"{field} must give a time as HH:MM, not {text[:80]!r}")
    return int(match[1]) * 60 + int(match[2])
