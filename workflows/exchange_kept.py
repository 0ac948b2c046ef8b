"""Files of an import that was only tried, in Redis for half an hour: whoever chose them once need not do so again.

They are sealed, and bound to the person and to the page that shows them. A person has one such import: a newer one replaces it.
"""

import base64
import zlib
from collections.abc import Sequence
from contextlib import closing, suppress

import orjson

from integrations.runtime.keys import key
from wegnology.applications.sealing import keyring
from wegnology.lib.crypto import KeyMissing, SealBroken
from wegnology.lib.ids import new_id
from wegnology.lib.redis import RedisAway, sync_client
from workflows.exchange.reading import ImportFile

KEPT_SECONDS = 1800
MOST_BYTES = 2 * 1024 * 1024
"""Size of the files together, compressed. What is larger is chosen again."""


def keep(user_id: object, files: Sequence[ImportFile]) -> str:
    """Keep files for a person; returns the mark by which they are asked for, "" where they are not kept."""
    packed = zlib.compress(orjson.dumps([[file.name, base64.b64encode(file.data).decode()] for file in files]))
    if len(packed) > MOST_BYTES:
        return ""
    mark = new_id()
    with suppress(*RedisAway, KeyMissing):
        sealed = keyring().seal(base64.b64encode(packed).decode(), _place(user_id, mark))
        with closing(sync_client()) as client:
            client.set(key("import", user_id), sealed, ex=KEPT_SECONDS)
        return mark
    return ""


def kept(user_id: object, mark: str) -> list[ImportFile]:
    """Return the files that a person's page shows; none when they are gone, or others took their place."""
    with suppress(*RedisAway, KeyMissing, SealBroken):
        with closing(sync_client()) as client:
            sealed = client.get(key("import", user_id))
        if isinstance(sealed, bytes):
            packed = keyring().unseal(sealed.decode(), _place(user_id, mark))
            rows = orjson.loads(zlib.decompress(base64.b64decode(packed)))
            return [ImportFile(name, base64.b64decode(data)) for name, data in rows]
    return []


def forget_kept(user_id: object) -> None:
    """Forget a person's files: they are imported."""
    with suppress(*RedisAway), closing(sync_client()) as client:
        client.delete(key("import", user_id))


def _place(user_id: object, mark: str) -> str:
    return f"import:{user_id}:{mark}"
