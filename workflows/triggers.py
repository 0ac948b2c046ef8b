"""Triggers that are no integration's: what may stand in their settings, and how a timer counts.

A trigger of a type that is not in `TRIGGERS` is kept as it is and never fires: workflows that were brought here from elsewhere
hold such.
"""

import re
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter
from pydantic import Field, field_validator, model_validator

from wegnology.lib.fault_texts import Filled
from wegnology.lib.marking import marked
from wegnology.lib.schema import Schema
from workflows.alarms.names import AlarmKind

BUTTON = "virtualButton"
TIMER = "timer"
FLOW_ERROR = "flowError"
WEBHOOK = "webhook"
ALARM = "alarm"

LONGEST_SECONDS = 365 * 24 * 3600
YEARS_AHEAD = 5
_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat"
_PART = re.compile(rf"(?:[0-9*/,-]|\b(?:{_NAMES})\b)+", re.I)


class ButtonConfig(Schema):
    """Fires when somebody presses it; the payload that the page proposes stands in `meta.payload`, as JSON text."""


class TimerConfig(Schema):
    """Fires at times: every so many seconds, or by a cron expression in its time zone."""

    seconds: float | None = Field(
        default=None, ge=1, le=LONGEST_SECONDS, description="Seconds from one time to the next, 1 to a year.", examples=[300]
    )
    cron: str = Field(
        default="",
        max_length=255,
        description="Five fields (minute, hour, day of month, month, day of week), six with seconds before them, or @yearly, "
        "@monthly, @weekly, @daily, @hourly.",
        examples=["0 9 * * 1-5"],
    )
    tz: str = Field(
        default="UTC", max_length=64, description="Time zone of the cron expression, an IANA name.", examples=["Europe/Berlin"]
    )

    @field_validator("tz")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value or "UTC")
        except (KeyError, ValueError, OSError):
            text = marked("There is no time zone {zone}: use a name such as America/New_York.")
            raise ValueError(Filled(text, {"zone": repr(value)})) from None
        return value or "UTC"

    @field_validator("cron")
    @classmethod
    def _readable(cls, value: str) -> str:
        text = value.strip()
        if text:
            _checked_cron(text)
        return text

    @model_validator(mode="after")
    def _one_of_both(self) -> "TimerConfig":
        if (self.seconds is None) == (not self.cron):
            raise ValueError(marked("Give either seconds or a cron expression."))
        return self

    def first(self, now_ms: int) -> int:
        """Return the first time (ms) after `now_ms` for a timer that begins to count now."""
        return self.after(now_ms, now_ms)

    def after(self, due_ms: int, now_ms: int) -> int:
        """Return the next time (ms) later than `now_ms`, for a timer that was due at `due_ms`: what was missed stays missed."""
        if self.seconds is not None:
            step = int(self.seconds * 1000)
            return due_ms + step * (max(0, now_ms - due_ms) // step + 1)
        start = datetime.fromtimestamp(max(due_ms, now_ms) / 1000, ZoneInfo(self.tz))
        return int(_times(self.cron, start).get_next(datetime).timestamp() * 1000)


class FlowErrorConfig(Schema):
    """Fires when a run of a workflow fails, in the version that is live."""

    scope: Literal["local", "global", "experience", "cloud"] = Field(
        default="local",
        description="local: errors of this workflow. global or cloud: errors of any workflow of the application. "
        "experience: never, there are no such workflows here.",
        examples=["global"],
    )

    def covers(self, own: bool) -> bool:
        """Say whether the trigger fires for an error; `own`: of the workflow in which it stands."""
        return self.scope in ("global", "cloud") or (own and self.scope == "local")


class WebhookConfig(Schema):
    """Fires when its address is called."""

    wait_for_reply: bool = Field(
        default=False,
        description="Answer with what a Webhook Reply node says, within 30 s; else 202 at once.",
        examples=[True],
    )
    pass_authorization: bool = Field(
        default=False,
        description="Put the request's Authorization header into the payload, where everyone who sees payloads sees it; "
        "else it is masked.",
        examples=[False],
    )


class AlarmConfig(Schema):
    """Fires when an alarm of the application opens or is over; `data.alarm` says which, with its cause and the next step."""

    kinds: list[AlarmKind] = Field(
        default_factory=list,
        max_length=50,
        description="Kinds of alarms, as a rule names them; none stands for all.",
        examples=[["disconnected", "refused"]],
    )
    on_open: bool = Field(default=True, description="Fire when an alarm opens.", examples=[True])
    on_over: bool = Field(default=False, description="Fire when an alarm is over.", examples=[False])

    def covers(self, kind: str, over: bool) -> bool:
        """Say whether the trigger fires for an alarm of that kind that opens, or is over."""
        return (not self.kinds or kind in self.kinds) and (self.on_over if over else self.on_open)


TRIGGERS: dict[str, type[Schema]] = {
    BUTTON: ButtonConfig,
    TIMER: TimerConfig,
    FLOW_ERROR: FlowErrorConfig,
    WEBHOOK: WebhookConfig,
    ALARM: AlarmConfig,
}
"""Types that fire here, beside those of integrations, with the schema of their `config`."""


def _times(cron: str, start: datetime) -> Any:
    text = _ALIASES.get(cron.lower(), cron)
    return croniter(text, start, second_at_beginning=True, max_years_between_matches=YEARS_AHEAD)


def _checked_cron(text: str) -> None:
    """Raise `ValueError` for what is no cron expression of the kind that is taken here, or never comes."""
    fields = _ALIASES.get(text.lower(), text).split()
    if len(fields) not in (5, 6):
        text = marked("A cron expression has five fields, or six with seconds first; or it is one of {names}.")
        raise ValueError(Filled(text, {"names": ", ".join(_ALIASES)}))
    wrong = next((field for field in fields if not _PART.fullmatch(field)), None)
    if wrong is not None:
        text = marked("{part} is not taken here: use numbers, names such as MON or JAN, and * , - /.")
        raise ValueError(Filled(text, {"part": repr(wrong)}))
    try:
        _times(text, datetime(2024, 1, 1, tzinfo=ZoneInfo("UTC"))).get_next(datetime)
    except (CroniterError, ValueError) as error:
        raise ValueError(Filled(marked("This cron expression cannot be used: {error}."), {"error": str(error)})) from None
