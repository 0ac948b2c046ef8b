"""A check in words, icons and tones, as its page shows it."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from integrations.check_records import CheckRecord, now_ms
from integrations.wording import ago
from wegnology.lib.badges import Badge
from wegnology.lib.check_steps import CheckStep, State

PATIENCE_MS = 3_000
"""After so long without being taken a check says why it may be."""

_LOOKS: dict[State, tuple[str, str, str]] = {
    "waiting": ("radio_button_unchecked", gettext_noop("Not begun"), "muted"),
    "running": ("progress_activity", gettext_noop("Under way"), "info"),
    "ok": ("check_circle", gettext_noop("Well"), "success"),
    "warning": ("warning", gettext_noop("Well, but"), "warning"),
    "failed": ("error", gettext_noop("Failed"), "danger"),
    "skipped": ("remove_circle_outline", gettext_noop("Not tried"), "muted"),
}


@dataclass(frozen=True, slots=True)
class StepView:
    """One step as a line: icon, words and tone of its state, its name, how long it took."""

    icon: str
    words: str
    tone: str
    name: str
    took: str
    detail: str
    advice: str
    spins: bool


@dataclass(frozen=True, slots=True)
class CheckView:
    """A check as its page shows it; `note` says what is odd about the check itself."""

    badge: Badge
    asked: str
    note: str
    steps: list[StepView]
    over: bool


def view(record: CheckRecord, tasks_alive: int) -> CheckView:
    """Return what a page shows of a check."""
    edited = "" if record.saved else _(", with settings that were not saved")
    asked = _("Asked for by %(asker)s %(ago)s%(edited)s.") % {
        "asker": record.asker,
        "ago": ago(record.asked_ms, now_ms()),
        "edited": edited,
    }
    return CheckView(headline(record), asked, _note(record, tasks_alive), [_step(step) for step in record.steps], record.over)


def headline(record: CheckRecord) -> Badge:
    """Say in a few words what came of a check."""
    failed = [_(step.name) for step in record.steps if step.state == "failed"]
    warned = [_(step.name) for step in record.steps if step.state == "warning"]
    if record.state == "lost":
        return Badge("help", _("No answer"), "warning", _("Nobody ended this check."))
    if not record.over:
        running = [_(step.name) for step in record.steps if step.state == "running"]
        return Badge("progress_activity", _("Checking"), "info", f"{running[0]} …" if running else "")
    if failed:
        return Badge("error", _("It does not work"), "danger", _("Failed: %(names)s.") % {"names": ", ".join(failed)})
    took = _seconds((record.ended_ms - record.began_ms) / 1000)
    if warned:
        return Badge("warning", _("It works, but"), "warning", _("See: %(names)s.") % {"names": ", ".join(warned)})
    return Badge("check_circle", _("It works"), "success", _("Every step went well, in %(took)s.") % {"took": took})


def _note(record: CheckRecord, tasks_alive: int) -> str:
    if record.state == "lost" and not record.began_ms:
        return _("No tasks process took this check. See that the Procfile's process `tasks` is alive, then ask again.")
    if record.state == "lost":
        return _("The process that ran this check ended in the middle of it. Ask again.")
    if record.state == "waiting" and not tasks_alive:
        return _("No tasks process is alive, so nobody runs this check. Start the Procfile's process `tasks`.")
    if record.state == "waiting" and now_ms() > record.asked_ms + PATIENCE_MS:
        return _("The tasks processes are busy with other work; this check is next.")
    return ""


def _step(step: CheckStep) -> StepView:
    icon, words, tone = _LOOKS[step.state]
    took = _seconds(step.seconds) if step.seconds and step.state in ("ok", "warning", "failed") else ""
    return StepView(icon, _(words), tone, _(step.name), took, _(step.detail), _(step.advice), step.state == "running")


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
