"""What Google Pub/Sub answers when it does not do something, in plain words. Nothing here needs its client library.

Codes are those of gRPC by name. https://cloud.google.com/pubsub/docs/reference/error-codes
"""

from collections.abc import Mapping
from typing import NamedTuple

from wegnology.lib.marking import marked

EDITOR = "roles/pubsub.editor"
_LENGTH = 300


class PubsubFault(Exception):
    """An error of the service: its code, what it said, and what the call was about, such as "the topic alerts"."""

    def __init__(self, code: str, said: str = "", about: str = "") -> None:
        self.code = code
        self.said = said[:_LENGTH]
        self.about = about
        super().__init__(f"{code}: {self.said}")


class PubsubLost(PubsubFault):
    """The connection itself was lost."""


class _Telling(NamedTuple):
    said: str
    advice: str


_WAIT = "Nothing needs to be done if it goes by itself: the hub tries again. The Google Cloud status page knows of outages."
_TELLS: Mapping[str, _Telling] = {
    "UNAUTHENTICATED": _Telling(
        marked("Google does not accept the service account's key"),
        marked(
            "Make a new key for the service account in the Google Cloud console: this one was deleted or disabled. "
            "Or correct the clock of this machine."
        ),
    ),
    "PERMISSION_DENIED": _Telling(
        marked("Google does not allow it to this service account"),
        f"Give the service account the role {EDITOR} in the project; whoever only publishes needs roles/pubsub.publisher.",
    ),
    "NOT_FOUND": _Telling(
        marked("It does not exist"), marked("Compare the names with those in the Google Cloud console, the project's too.")
    ),
    "FAILED_PRECONDITION": _Telling(
        marked("Its state does not allow this"), marked("See what Google says about it in the console.")
    ),
    "INVALID_ARGUMENT": _Telling(marked("Google refuses this"), marked("Compare the names and values with what Google says.")),
    "ALREADY_EXISTS": _Telling(
        marked("Another one of this name is in the way"), marked("Delete it in the Google Cloud console.")
    ),
    "RESOURCE_EXHAUSTED": _Telling(
        marked("A quota of the project is used up"), marked("Raise the quota in the Google Cloud console, or wait.")
    ),
    "DEADLINE_EXCEEDED": _Telling(marked("Pub/Sub did not answer in time"), _WAIT),
    "UNAVAILABLE": _Telling(marked("Pub/Sub is not available"), _WAIT),
}
REFUSALS = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION", "INVALID_ARGUMENT"})
"""Answers that stay the same until somebody changes something."""
PASSING = frozenset({"UNAVAILABLE", "ABORTED", "INTERNAL", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "CANCELLED"})
"""Answers that may be another one in a moment."""

_UNWRITTEN = "Internal error from Core"


def meant(code: str, said: str) -> tuple[str, str]:
    """Return the code and words of a call's end; gRPC calls it INTERNAL where a stream had ended before it was written to."""
    if code == "INTERNAL" and said == _UNWRITTEN:
        return "UNAVAILABLE", "the stream ended before it was asked"
    return code, said


def explain_fault(fault: PubsubFault) -> str:
    """Say what went wrong, with Google's own code."""
    if isinstance(fault, PubsubLost):
        return "The connection to Pub/Sub was lost"
    told = _TELLS.get(fault.code)
    if fault.code == "NOT_FOUND" and fault.about:
        return f"There is no {fault.about.removeprefix('the ')} (NOT_FOUND)"
    if fault.code == "UNAUTHENTICATED":
        return f"{_TELLS[fault.code].said} (UNAUTHENTICATED)"
    about = f", about {fault.about}" if fault.about and fault.code in REFUSALS else ""
    said = f": {fault.said.rstrip('.')}" if fault.said else ""
    return f"{told.said if told else 'Pub/Sub failed'} ({fault.code}){about}{said}"


def advise_fault(fault: PubsubFault) -> str:
    """Say what to do about it."""
    told = _TELLS.get(fault.code)
    return told.advice if told else _WAIT
