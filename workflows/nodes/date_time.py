"""Date/Time: calculates with dates, reads and writes them."""

import math
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from wegnology.lib.javascript import number
from wegnology.lib.moments import MomentError, from_ms, iso, month_days, show, to_ms, zone
from wegnology.lib.moments_reading import read
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import (
    Category,
    Node,
    NodeFailed,
    NumberTemplate,
    Result,
    RunContext,
    nodes,
    optional_path,
    path_of,
    template_of,
)

Operation = Literal[
    "add", "subtract", "format", "getDatePart", "setDatePart", "diff", "daysInMonth", "startOfTime", "toArray", "toObject",
    "unixTimestampSeconds", "unixTimestampMilliseconds",
]  # fmt: skip
Unit = Literal["year", "quarter", "month", "week", "dayOfYear", "day", "dayOfWeek", "hour", "minute", "second", "millisecond"]
_FIXED = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "dayOfYear": timedelta(days=1),
    "dayOfWeek": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1),
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_CLOCK = ("hour", "minute", "second", "millisecond")


class DateTimeConfig(Schema):
    """Settings of `DateTimeNode`."""

    operation: Operation = Field(default="add", description="What to do.", examples=["format"])
    source_path: str = Field(default="", description="Payload path of the date; blank is now.", examples=["time"])
    source_format_string: str = Field(
        default="", max_length=1024, description="Moment.js format of the date; blank is ISO 8601 or milliseconds since 1970."
    )
    result_path: str = Field(description="Payload path of the result.", examples=["working.day"])
    result_format_string: str = Field(
        default="", max_length=1024, description="format: the Moment.js format to write.", examples=["YYYY-MM-DD"]
    )
    timezone: str = Field(
        default="",
        max_length=1024,
        description="Time zone such as Europe/Berlin, a template; blank is UTC.",
        examples=["Europe/Berlin"],
    )
    number_value: NumberTemplate = Field(
        default="", max_length=1024, description="add, subtract, setDatePart: how many, or the new value; a template."
    )
    unit: Unit = Field(default="year", description="add, subtract, getDatePart, setDatePart, diff, startOfTime: the unit.")
    diff_data_path: str = Field(default="", description="diff: payload path of the other date; blank is now.")
    diff_data_format_string: str = Field(default="", max_length=1024, description="diff: Moment.js format of the other date.")


@nodes.register
class DateTimeNode(Node[DateTimeConfig]):
    """Adds to, formats, compares or takes apart a date. A result that is a date is ISO 8601 text in UTC."""

    name = "DateTimeNode"
    label = "Date/Time"
    category = Category.LOGIC
    Config = DateTimeConfig

    def __init__(self, config: DateTimeConfig) -> None:
        super().__init__(config)
        self._source = optional_path("sourcePath", config.source_path)
        self._other = optional_path("diffDataPath", config.diff_data_path)
        self._result = path_of("resultPath", config.result_path)
        self._zone = template_of("timezone", config.timezone)
        self._number = template_of("numberValue", config.number_value)
        if config.operation in ("add", "subtract", "setDatePart") and not config.number_value.strip():
            raise ConfigInvalid({"numberValue": f"{config.operation} needs a number."})

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        config = self.config
        try:
            where = zone(self._zone.render(payload).strip())
            now = from_ms(context.now_ms(), where)
            moment = now if self._source is None else read(self._source.get(payload), config.source_format_string, where)
            if config.operation == "diff":
                other = now if self._other is None else read(self._other.get(payload), config.diff_data_format_string, where)
                result: Any = _difference(moment, other, config.unit)
            else:
                result = self._work(moment, payload)
        except (MomentError, OverflowError) as error:
            raise NodeFailed(str(error), name="RangeError") from None
        return self._result.set(payload, result), 0

    def _work(self, moment: datetime, payload: JSONObject) -> Any:
        operation, unit = self.config.operation, self.config.unit
        if operation in ("add", "subtract"):
            amount = self._amount(payload)
            return iso(_moved(moment, amount if operation == "add" else -amount, unit))
        if operation == "setDatePart":
            return iso(_with_part(moment, unit, self._amount(payload)))
        if operation == "startOfTime":
            return iso(_start(moment, unit))
        if operation == "getDatePart":
            return _part(moment, unit)
        if operation == "format":
            return show(moment, self.config.result_format_string)
        return _AS[operation](moment)

    def _amount(self, payload: JSONObject) -> int:
        text = self._number.render(payload)
        amount = number(text) if text.strip() else math.nan
        if not -1e15 < amount < 1e15:
            raise NodeFailed(f"numberValue must give a number, not {text[:80]!r}")
        return round(amount)


def _months_later(moment: datetime, months: int) -> datetime:
    """Keep the day where the month has it, else take its last day, as Moment.js does."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise MomentError(f"the year {year} is outside of 1 to 9999")
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _moved(moment: datetime, amount: int, unit: str) -> datetime:
    if unit in _MONTHS:
        return _months_later(moment, amount * _MONTHS[unit])
    step = _FIXED[unit] * amount
    if unit in _CLOCK:  # hours pass on the real clock, days on the calendar
        return (moment.astimezone(UTC) + step).astimezone(moment.tzinfo)
    return moment + step


def _start(moment: datetime, unit: str) -> datetime:
    for at, name in enumerate(_CLOCK[:3]):
        if unit == name:
            rest = dict.fromkeys(_CLOCK[at + 1 : 3], 0)
            return moment.replace(**rest, microsecond=0)  # type: ignore[arg-type]
    if unit == "millisecond":
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        return day - timedelta(days=day.isoweekday() % 7)
    if unit in _MONTHS:
        first = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[unit]
        return day.replace(month=first, day=1)
    return day


def _week(moment: datetime) -> int:
    return int(show(moment, "w"))


def _part(moment: datetime, unit: str) -> int:
    parts = {
        "quarter": lambda: (moment.month - 1) // 3 + 1,
        "month": lambda: moment.month - 1,  # Moment.js counts months from 0
        "week": lambda: _week(moment),
        "dayOfYear": lambda: moment.timetuple().tm_yday,
        "dayOfWeek": lambda: moment.isoweekday() % 7,
        "millisecond": lambda: moment.microsecond // 1000,
    }
    found = parts[unit]() if unit in parts else getattr(moment, unit)
    return int(found)


def _with_part(moment: datetime, unit: str, value: int) -> datetime:
    """Set a part; a value beyond its range moves on into the next, as in Moment.js."""
    if unit == "year":
        return _months_later(moment, (value - moment.year) * 12)
    return _moved(moment, value - _part(moment, unit), unit)


def _difference(moment: datetime, other: datetime, unit: str) -> int:
    """Return whole units from `other` to `moment`, rounded towards zero."""
    if unit not in _MONTHS:
        return math.trunc((moment - other) / _FIXED[unit])
    months = (moment.year - other.year) * 12 + moment.month - other.month
    if months > 0 and _months_later(other, months) > moment:
        months -= 1
    elif months < 0 and _months_later(other, months) < moment:
        months += 1
    return math.trunc(months / _MONTHS[unit])


_AS: dict[str, Any] = {
    "daysInMonth": month_days,
    "toArray": lambda m: [m.year, m.month - 1, m.day, m.hour, m.minute, m.second, m.microsecond // 1000],
    "toObject": lambda m: {
        "years": m.year,
        "months": m.month - 1,
        "date": m.day,
        "hours": m.hour,
        "minutes": m.minute,
        "seconds": m.second,
        "milliseconds": m.microsecond // 1000,
    },
    "unixTimestampSeconds": lambda m: to_ms(m) // 1000,
    "unixTimestampMilliseconds": to_ms,
}
