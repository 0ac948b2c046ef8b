"""Names of everything the runtime keeps in Redis, and the partition of an integration.

| key | kind | holds |
|---|---|---|
| meta | hash | `partitions`: the number in force |
| listeners, workers | sorted set | live processes by the time (ms) at which they count as dead |
| listen:P, run:P | string | lease token of partition P: `<process>/<random>` |
| ready:P | set | integrations of partition P whose inbox is not empty |
| asked:P | string | a drain task was enqueued a moment ago |
| unheld | hash | partition -> since when (ms) it has work and no worker |
| inbox:I | stream | events waiting for workflows, field `e` |
| box:I | hash | `bytes` that events in the inbox are larger than their shares (`beyond` in `prelude.lua`) |
| position:I | hash | where a source that resumes goes on, by names of its connector's own |
| claims | hash | integration -> throttle bucket (tokens, when, in ms), a semicolon, and the last id claimed, by whom |
| starts:I | hash | `deaths` of workers with events of I under way; `trial`: the event watched at the last |
| ledger:I:H, sent:I:H | hash | counts of hour H in and out |
| moved:M | string | move M of the ledger was made: asked again it happens once |
| dirty | set | `I:H` whose ledger changed since it was last written to the database |
| writing | set | of these, the ones on their way into the database |
| bytes | string | size of all inboxes together |
| outbox:I | stream | messages waiting for the live connection: one in field `m`, or a pack in `p`, `n` of them |
| packed:I | string | how many messages more than entries are in the outbox |
| outboxes | set | integrations whose outbox is not empty |
| sends:E | hash | sends of event E that went out before its runs ended |
| batch:L | string | the last batch of listener L and its outcome: an append asked twice is done once |
| status:I | string | JSON of the connection's state; `proof`, `last` (hashes): times of proof and of the last message |
| celery:Q | list | tasks that wait in Celery's queue Q |
| tasks | sorted set | live processes that take tasks, likewise |
| check:C | string | what check C is to try, sealed; taken by whoever runs it, gone after a minute |
| checked:C | string | JSON of what check C found so far |
| checks:A | sorted set | checks of application A under way |
| lastcheck:I | string | the last check of integration I |
| trial:T | string | test message T, sealed; taken by whoever sends it, gone after a minute |
| tried:T | string | JSON of what became of test message T |
| trials:A | string | how many test messages of application A were asked for in this minute |
| lasttrial:I | string | the last test message of integration I |
| import:U | string | files of the import that person U tried last, sealed; gone after half an hour |
| storage:W, state:W | hash | what workflow W stores, JSON by key; what its nodes remember, by node |
| hooked:W:N | string | calls of webhook W in window N |
| awaits:A:R, reply:A:R | string, list | somebody waits for reply R, in application A; the reply |
| timers | hash | `workflow:key` of a timer -> when it fires next (ms), a blank, a mark of its settings |
| schedule | sorted set | `A:R`: run R of application A by when it is due (ms) |
| scheduled:A | hash | run -> its workflow, a line feed, its event |
| messages:I, outcomes:I | list | the last messages of integration I for people to look at, as JSON; what became of them |
| inspected | hash | integration -> how many messages were ever kept for looking at |
| runs:W, failures:W | list | the last runs of workflow W that ended well, and that failed, as JSON |
| tally:W:H | hash | runs and errors of workflow W in hour H |
| tallied, tallying | set | `W:H` that changed since they were last written to the database; those on their way into it |
| watched | sorted set | workflows whose debug values are recorded, by until when (ms) |
| debug:W | stream | debug values of workflow W, field `h` |
| insight:W | string | number of the last batch of notes from worker W |
| history | list | state transitions on their way to the database |
| pace | hash | integration -> its pauses between messages, by length |
| sendfaults | hash | integration -> sends that failed one after the other, with their causes |
| rates | hash | integration -> how many messages came and were run in a second lately, as JSON |
| judged | hash | integration -> its state as the sweeper last saw it, where no row says so |
| sweeper:N | string | lease of the sweeper named N |

Channels: `wake:W` tells worker W which inboxes got events, or how a send ended that a node waits for; `out:L` tells listener L
which outboxes got messages; `trial:T` says how test message T ended.
"""

import zlib

from django.conf import settings


def prefix() -> str:
    """Return what all keys begin with."""
    return f"{settings.REDIS_PREFIX}:"


def key(*parts: object) -> str:
    """Return the full name of a key."""
    return prefix() + ":".join(str(part) for part in parts)


def partition_of(integration_id: str) -> int:
    """Return the partition an integration belongs to."""
    partitions: int = settings.PARTITIONS
    return zlib.crc32(integration_id.encode()) % partitions
