"""The bounds the runtime keeps to, taken from the settings once."""

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds. See `docs/operations.md` for what happens at each."""

    partitions: int = 64
    lease_seconds: float = 5.0
    inbox_events: int = 10_000
    inbox_bytes: int = 64 * 1024 * 1024
    outbox_messages: int = 1_000
    outbox_seconds: int = 3_600
    payload_bytes: int = 1024 * 1024
    throttle_per_second: float = 20.0
    throttle_burst: int = 20
    run_seconds: float = 60.0
    runs_per_integration: int = 100
    runs_per_worker: int = 2_000
    script_processes: int = 2
    inspect_messages: int = 100
    inspect_per_second: int = 20
    inspect_bytes: int = 4_096
    held_messages: int = 1_000
    """Messages a connection may hold in memory while Redis is away or its inbox is full; then it is no longer read."""
    held_bytes: int = 8 * 1024 * 1024
    held_bytes_together: int = 256 * 1024 * 1024
    redis_share: float = 0.6
    """Part of Redis' memory limit that all inboxes together may take."""

    @classmethod
    def from_settings(cls) -> "Limits":
        """Read the limits that are settings."""
        return cls(
            partitions=settings.PARTITIONS,
            lease_seconds=settings.LEASE_SECONDS,
            inbox_events=settings.INBOX_EVENTS,
            inbox_bytes=settings.INBOX_BYTES,
            outbox_messages=settings.OUTBOX_MESSAGES,
            outbox_seconds=settings.OUTBOX_SECONDS,
            payload_bytes=settings.PAYLOAD_BYTES,
            throttle_per_second=settings.THROTTLE_PER_SECOND,
            throttle_burst=settings.THROTTLE_BURST,
            run_seconds=settings.RUN_SECONDS,
            runs_per_integration=settings.RUNS_PER_INTEGRATION,
            runs_per_worker=settings.RUNS_PER_WORKER,
            script_processes=settings.SCRIPT_PROCESSES,
            inspect_messages=settings.INSPECT_MESSAGES,
            inspect_per_second=settings.INSPECT_PER_SECOND,
            inspect_bytes=settings.INSPECT_BYTES,
        )
