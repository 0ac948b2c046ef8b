"""The Lua scripts of the engine, each one step that happens whole or not at all."""

from pathlib import Path

from wegnology.lib.redis import Script

storage = Script(Path(__file__).parent / "storage.lua")
