"""A check in words, icons and tones, as its page shows it."""

from dataclasses import dataclass

from integrations.check_records import CheckRecord, now_ms
from integrations.wording import ago
from wegnology.lib.badges import Badge
from wegnology.lib.check_steps import CheckStep, State

PATIENCE_MS = 3_000
"""After so long without being taken a check says why it may be."""

_LOOKS: dict[State, tuple[str, str, str]] = {
    "waiting": ("radio_button_unchecked", "Not begun", "muted"),
    "running": ("progress_activity", "Under way", "info"),
    "ok": ("check_circle", "Well", "success"),
    "warning": ("warning", "Well, but", "warning"),
    "failed": ("error", "Failed", "danger"),
    "skipped": ("remove_circle_outline", "Not tried", "muted"),
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
    edited = "" if record.saved else ", with settings that were not saved"
    asked = f"Asked for by {record.asker} {ago(record.asked_ms, now_ms())}{edited}."
    return CheckView(headline(record), asked, _note(record, tasks_alive), [_step(step) for step in record.steps], record.over)


def headline(record: CheckRecord) -> Badge:
    """Say in a few words what came of a check."""
    failed = [step.name for step in record.steps if step.state == "failed"]
    warned = [step.name for step in record.steps if step.state == "warning"]
    if record.state == "lost":
        return Badge("help", "No answer", "warning", "Nobody ended this check.")
    if not record.over:
        running = [step.name for step in record.steps if step.state == "running"]
        return Badge("progress_activity", "Checking", "info", f"{running[0]} …" if running else "")
    if failed:
        return Badge("error", "It does not work", "danger", f"Failed: {', '.join(failed)}.")
    took = _seconds((record.ended_ms - record.began_ms) / 1000)
    if warned:
        return Badge("warning", "It works, but", "warning", f"See: {', '.join(warned)}.")
    return Badge("check_circle", "It works", "success", f"Every step went well, in {took}.")


def _note(record: CheckRecord, tasks_alive: int) -> str:
    if record.state == "lost" and not record.began_ms:
        return "No tasks process took this check. See that the Procfile's process `tasks` is alive, then ask again."
    if record.state == "lost":
        return "The process that ran this check ended in the middle of it. Ask again."
    if record.state == "waiting" and not tasks_alive:
        return "No tasks process is alive, so nobody runs this check. Start the Procfile's process `tasks`."
    if record.state == "waiting" and now_ms() > record.asked_ms + PATIENCE_MS:
        return "The tasks processes are busy with other work; this check is next."
    return ""


def _step(step: CheckStep) -> StepView:
    icon, words, tone = _LOOKS[step.state]
    took = _seconds(step.seconds) if step.seconds and step.state in ("ok", "warning", "failed") else ""
    return StepView(icon, words, tone, step.name, took, step.detail, step.advice, step.state == "running")


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
