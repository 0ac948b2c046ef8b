"""Annotation."""

import pytest

from tests.workflows.fakes import node
from workflows.graph import Graph, GraphInvalid


def test_stands_there() -> None:
    note = node("n", "AnnotationNode") | {"meta": {"annotationText": "look", "width": 200}}
    assert Graph.parse([], [note]).nodes["n"].outputs == ()


def test_cannot_be_wired() -> None:
    with pytest.raises(GraphInvalid, match="Annotation cannot be connected: it never runs"):
        Graph.parse([], [node("d", "DebugNode", ["n"]), node("n", "AnnotationNode")])
