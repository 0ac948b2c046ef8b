"""Comparing two versions: what is told, and what is never shown."""

import json
from typing import Any

import pytest

from wegnology.lib.known_globals import MASK
from wegnology.lib.types import JSONObject, JSONValue
from workflows.version_content import EMPTY, Content
from workflows.version_diff import Difference, difference
from workflows.version_diff_text import text_of
from workflows.version_fields import ABSENT, Change, field_changes
from workflows.version_masking import masked


def node(name: str, *targets: str, kind: str = "DebugNode", meta: Any = None, **config: Any) -> JSONObject:
    return {"id": name, "type": kind, "config": config, "meta": meta or {}, "outputIds": [list(targets)]}


def trigger(key: str, *targets: str, kind: str = "timer", **config: JSONValue) -> JSONObject:
    return {"type": kind, "key": key, "config": config, "meta": {}, "outputIds": [list(targets)]}


def of_nodes(before: list[JSONObject], after: list[JSONObject]) -> Difference:
    return difference(Content([], before, {}), Content([], after, {}))


def ids(parts: Any) -> list[str]:
    return [part.id for part in parts]


class TestNodes:
    def test_the_same_does_not_differ(self) -> None:
        content = Content([trigger("t", "a")], [node("a", message="x")], {"a": 1})
        found = difference(content, content)
        assert found.is_empty
        assert text_of(found) == "Nothing differs."
        assert found.to_json()["same"] is True

    def test_added_removed_changed_moved(self) -> None:
        here, there = {"label": "Show", "x": 1, "y": 2}, {"label": "Show", "x": 100, "y": 2}
        before = [node("gone"), node("kept", message="x"), node("moved", meta=here), node("other", meta=here, message="x")]
        after = [node("new"), node("kept", message="y"), node("moved", meta=there), node("other", meta=there, message="z")]
        found = of_nodes(before, after)
        assert (ids(found.nodes.added), ids(found.nodes.removed), ids(found.nodes.moved)) == (["new"], ["gone"], ["moved"])
        assert {part.id: part.changes for part in found.nodes.changed} == {
            "kept": (Change("config.message", "x", "y"),),
            "other": (Change("config.message", "x", "z"),),
        }
        assert not found.is_empty

    def test_only_a_move_is_still_a_difference(self) -> None:
        found = of_nodes([node("a", meta={"x": 1})], [node("a", meta={"x": 2})])
        assert not found.is_empty
        assert text_of(found) == "> node 'Debug' (DebugNode a) moved in the editor"

    def test_another_type_or_label_is_a_change(self) -> None:
        found = of_nodes(
            [node("a", meta={"label": "A", "uiId": "1"})], [node("a", kind="NoNode", meta={"label": "B", "uiId": "2"})]
        )
        assert found.nodes.changed[0].changes == (Change("type", "DebugNode", "NoNode"), Change("meta.label", "A", "B"))

    def test_the_order_in_the_list_means_nothing(self) -> None:
        assert of_nodes([node("a"), node("b")], [node("b"), node("a")]).is_empty


class TestWiresAndTriggers:
    def test_wires_name_both_ends_and_the_output(self) -> None:
        both: JSONObject = {"id": "if", "type": "ConditionalNode", "config": {}, "meta": {"label": "Hot?"}}
        before: list[JSONObject] = [{**both, "outputIds": [["a"], []]}, node("a"), node("b")]
        after: list[JSONObject] = [{**both, "outputIds": [[], ["b", "gone"]]}, node("a"), node("b")]
        found = of_nodes(before, after)
        assert [wire.to_json() for wire in found.wires_added] == [
            {"from": "if", "output": 1, "outputName": "true", "to": "b"},
            {"from": "if", "output": 1, "outputName": "true", "to": "gone"},
        ]
        assert text_of(found).splitlines() == [
            "+ wire 'Hot?' (if) output true -> 'Debug' (b)",
            "+ wire 'Hot?' (if) output true -> 'gone' (gone)",
            "- wire 'Hot?' (if) output false -> 'Debug' (a)",
        ]
        assert not found.nodes.changed

    def test_triggers_are_known_by_type_and_key(self) -> None:
        before = Content([trigger("1", "a", seconds=5), trigger("2", kind="webhook")], [node("a")], {})
        after = Content([trigger("3", "a"), trigger("1", seconds=6)], [node("a")], {})
        found = difference(before, after)
        assert ids(found.triggers.added) == ["timer:3"]
        assert ids(found.triggers.removed) == ["webhook:2"]
        assert found.triggers.changed[0].changes == (Change("config.seconds", 5, 6),)
        assert [wire.source.id for wire in (*found.wires_added, *found.wires_removed)] == ["timer:3", "timer:1"]

    def test_several_triggers_alike_are_counted(self) -> None:
        before = Content([trigger("1", seconds=5)], [], {})
        after = Content([trigger("1", seconds=5), trigger("1", seconds=9)], [], {})
        assert ids(difference(before, after).triggers.added) == ["timer:1#2"]


class TestFields:
    def test_lists_tell_what_was_put_in_between(self) -> None:
        before: JSONObject = {"rules": [{"a": 1}, {"a": 2}, {"a": 3}]}
        after: JSONObject = {"rules": [{"a": 1}, {"a": 9}, {"a": 2}, {"a": 4}]}
        assert field_changes(before, after, "config") == [
            Change("config.rules[1]", ABSENT, {"a": 9}),
            Change("config.rules[3].a", 3, 4),
        ]

    def test_texts_of_several_lines_are_compared_by_line(self) -> None:
        before, after = "let a = 1;\nlet b = 2;\nreturn a;", "let a = 1;\nlet b = 3;\nreturn a;"
        (change,) = field_changes({"script": before}, {"script": after})
        assert change.lines == ("@@ -1,3 +1,3 @@", " let a = 1;", "-let b = 2;", "+let b = 3;", " return a;")
        found = of_nodes([node("f", script=before)], [node("f", script=after)])
        assert text_of(found).splitlines()[1:3] == ["    ~ config.script:", "        @@ -1,3 +1,3 @@"]

    def test_what_is_equal_and_not_the_same_is_told(self) -> None:
        assert field_changes({"a": 1, "b": 0}, {"a": True, "b": 0}) == [Change("a", 1, True)]

    def test_values_and_globals_are_cut_in_texts_only(self) -> None:
        found = difference(EMPTY, Content([], [], {"long": "x" * 1000, "none": None}))
        long, none = found.globals
        assert (long.before, long.after, none.after) == (ABSENT, "x" * 1000, None)
        assert "(1,002 characters)" in text_of(found)
        assert found.to_json()["globals"] == [{"field": "long", "after": "x" * 1000}, {"field": "none", "after": None}]

    def test_it_holds_up_nobody(self) -> None:
        """Long lists, deep values and long texts are compared with a bound."""
        deep_a: Any = 1
        deep_b: Any = 2
        for _ in range(200):
            deep_a, deep_b = {"a": deep_a}, {"a": deep_b}
        before = {"list": [{"n": n} for n in range(5000)], "deep": deep_a, "text": "a\n" * 20_000}
        after = {"list": [{"n": n + 1} for n in range(5000)], "deep": deep_b, "text": "b\n" * 20_000}
        found = field_changes(before, after)
        assert len(found) == 5002
        assert found[-1].lines == ()


SECRETS: list[JSONObject] = [
    {"secretAccessKeyTemplate": "CANARY"},
    {"connectionString": "Endpoint=sb://x;SharedAccessKey=CANARY"},
    {"accessToken": "CANARY"},
    {"headerInfo": [{"key": "Authorization", "value": "Bearer CANARY"}]},
    {"headerInfo": [{"keyTemplate": "X-Api-Key", "valueTemplate": "CANARY"}]},
    {"authCredentials": {"userTemplate": "me", "passTemplate": "CANARY", "keyTemplate": "CANARY"}},
    {"uri": "https://me:CANARY@example.com/"},
    {"password": {"deep": ["CANARY", 1, {"a": "CANARY"}]}},
    {"jwtDataTemplate": '{"private_key": "CANARY"}'},
]


class TestMasking:
    @pytest.mark.parametrize("config", SECRETS)
    def test_what_looks_like_a_login_is_never_shown(self, config: dict[str, Any]) -> None:
        other = json.loads(json.dumps(config).replace("CANARY", "CANARY2"))
        nodes = [node("a", **config)], [node("a", **other)]
        for before, after in (nodes, nodes[::-1], ([node("a")], nodes[0]), (nodes[0], [node("a")])):
            found = of_nodes(before, after)
            assert found.nodes.changed, "a change of a secret is told, too"
            assert "CANARY" not in json.dumps(found.to_json()) + text_of(found)
        assert "differs; the value is not shown" in text_of(of_nodes(*nodes))

    def test_globals_by_their_name(self) -> None:
        found = difference(EMPTY, Content([], [], {"apiToken": "CANARY", "limit": 5}))
        assert [change.after for change in found.globals] == [MASK, 5]

    @pytest.mark.parametrize(
        "config",
        [
            {"tokenPath": "working.token"},
            {"secretTemplate": "{{globals.secret}}"},
            {"secretEncodingTemplate": "hex"},
            {"credentialNameTemplate": "Login"},
            {"key": "Accept", "value": "text/plain"},
            {"passwordTemplate": ""},
            {"authCredentials": {"userTemplate": "me"}},
        ],
    )
    def test_what_holds_none_is_shown(self, config: JSONObject) -> None:
        assert masked(config) == config
