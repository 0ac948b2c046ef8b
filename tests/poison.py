"""Celery with one node more, for tests: an event that kills the process it is run in.

Run as a module it is the `celery` command.
"""

import os
import signal

from celery.__main__ import main

from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, Result, RunContext, nodes


class PoisonConfig(Schema):
    """Settings of `PoisonNode`."""

    number: int


class PoisonNode(Node[PoisonConfig]):
    """Kills the process when the message carries its number."""

    name = "PoisonNode"
    label = "Poison"
    category = Category.DEBUG
    Config = PoisonConfig

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        working = payload["working"]
        assert isinstance(working, dict)
        if working["message"] == {"n": self.config.number}:
            os.kill(os.getpid(), signal.SIGKILL)
        return payload, 0


if __name__ == "__main__":
    nodes.register(PoisonNode)
    main()
