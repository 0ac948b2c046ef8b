"""The Lua scripts of the runtime, each one step that either happens whole or not at all."""

from pathlib import Path

from wegnology.lib.redis import Script

_folder = Path(__file__).parent

append = Script(_folder / "append.lua")
claim = Script(_folder / "claim.lua")
settle = Script(_folder / "settle.lua")
sent = Script(_folder / "sent.lua")
renew = Script(_folder / "renew.lua")
release = Script(_folder / "release.lua")
discard = Script(_folder / "discard.lua")
expire = Script(_folder / "expire.lua")
inspect = Script(_folder / "inspect.lua")
look = Script(_folder / "look.lua")
note = Script(_folder / "note.lua")
books = Script(_folder / "books.lua")
restate = Script(_folder / "restate.lua")
post = Script(_folder / "post.lua")
tally = Script(_folder / "tally.lua")
