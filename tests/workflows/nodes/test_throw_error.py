"""Throw Error."""

import pytest

from tests.workflows.nodes import faults, run
from workflows.nodes.base import NodeFailed


def test_ends_the_run_with_its_message() -> None:
    with pytest.raises(NodeFailed, match=r"^no row for 7$"):
        run("ThrowErrorNode", {"messageTemplate": "no row for {{data.id}}"}, {"data": {"id": 7}})


def test_faults() -> None:
    assert faults("ThrowErrorNode", {}) == {"messageTemplate": "This field is required."}
