"""The Lua scripts of the engine, each one step that happens whole or not at all."""

from pathlib import Path

from wegnology.lib.redis import Script

_folder = Path(__file__).parent

storage = Script(_folder / "storage.lua")
reply = Script(_folder / "reply.lua")
schedule = Script(_folder / "schedule.lua")
insight = Script(_folder / "insight.lua")
