"""The public names of the kinds of alarms, for settings of triggers: `kinds.py` says what they are. Never renamed."""

from typing import Literal

AlarmKind = Literal[
    "disconnected",
    "refused",
    "degraded",
    "silent",
    "rateFell",
    "parkedGrows",
    "ledgerOff",
    "inboxFull",
    "expiring",
    "payloadLimit",
    "notRunning",
]
