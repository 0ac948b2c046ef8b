"""What every node must declare. It finds a new one by itself: nothing here names a node, but for the waivers."""

from collections.abc import Callable, Iterator

import pytest

from tests.standards import docstring_faults, field_faults, file_name_of, file_of, its_test_file, judge, secret_faults
from wegnology.lib.schema import Schema, SecretStr
from wegnology.management.commands.document import node_example
from workflows.exceptions import GraphInvalid
from workflows.graph import Graph
from workflows.nodes.base import AnyNodeClass, Category, Node, nodes
from workflows.nodes.send import SendNode

Faults = Iterator[tuple[str, str]]
Rule = Callable[[AnyNodeClass], Faults]

_OWN_LOGIN = "the original product's setting, which workflows brought from there hold; a service credential is advised"
WAIVERS: dict[tuple[str, str, str], str] = {
    ("SqsSendNode", "secrets", "accessKeyIdTemplate"): _OWN_LOGIN,
    ("SqsSendNode", "secrets", "secretAccessKeyTemplate"): _OWN_LOGIN,
    ("ParticleCallNode", "secrets", "accessToken"): _OWN_LOGIN,
    ("HttpNode", "secrets", "authCredentials.passwordTemplate"): _OWN_LOGIN,
    ("AzureEventHubPublishNode", "secrets", "connectionString"): _OWN_LOGIN,
    ("LoopCapNode", "examples", ""): "it can only stand inside of a loop, and an example is one node",
    ("HashNode", "secrets", "secretTemplate"): "the original product's setting; its description says that everyone can read it",
    ("HashNode", "secrets", "secretEncodingTemplate"): "says how the secret is written and is none itself",
}
"""By public name, rule and place, with the reason."""


def made(node: AnyNodeClass) -> bool:
    """Say whether a node is made from a connector's declaration, so that it has no file of its own."""
    return issubclass(node, SendNode)


def names(node: AnyNodeClass) -> Faults:
    if not node.label.strip():
        yield "label", "it has no label"
    if not isinstance(node.category, Category):
        yield "category", "it has no category"
    if not node.name.endswith("Node") or node.__name__ != node.name:
        yield "name", f"{node.__name__} and its public name {node.name} should be the same and end in Node"
    wanted = file_name_of(node.name.removesuffix("Node"))
    if not made(node) and file_of(node).name != wanted:
        yield "file", f"{node.name} belongs in {wanted}, it is in {file_of(node).name}"


def docstrings(node: AnyNodeClass) -> Faults:
    yield from docstring_faults(node)


def fields(node: AnyNodeClass) -> Faults:
    yield from field_faults(node.Config)


def secrets(node: AnyNodeClass) -> Faults:
    """A workflow is shown to everyone who may see it, so it holds no secrets."""
    yield from secret_faults(node.Config)
    if node.Config.secret_fields():
        yield "Config", "a workflow is stored and shown in clear: it must not hold secrets"


def outputs(node: AnyNodeClass) -> Faults:
    if len(set(node.outputs)) < len(node.outputs) or not all(name.strip() for name in node.outputs):
        yield "outputs", f"the outputs {node.outputs} must have names that differ"
    if not node.takes_input and node.outputs:
        yield "takes_input", "what cannot be reached cannot lead anywhere"


def examples(node: AnyNodeClass) -> Faults:
    """The example in the reference is a node that compiles."""
    try:
        Graph.parse([], [node_example(node)])
    except GraphInvalid as error:
        yield "", f"the example in the reference is wrong: {error}"


def is_tested(node: AnyNodeClass) -> Faults:
    if not its_test_file(SendNode if made(node) else node).exists():
        yield "", f"{its_test_file(node)} is missing"


RULES: list[Rule] = [names, docstrings, fields, secrets, outputs, examples, is_tested]


def registered() -> list[AnyNodeClass]:
    """Return the nodes of the product; other tests register some of their own."""
    return [node for node in nodes if node.__module__.startswith("workflows.nodes.")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("node", registered(), ids=lambda node: node.name)
def test_standard(node: AnyNodeClass, rule: Rule) -> None:
    assert judge(node.name, rule.__name__, rule(node), WAIVERS) == []


def test_waivers_name_what_exists_and_say_why() -> None:
    known = {node.name for node in registered()}
    rules = {rule.__name__ for rule in RULES}
    assert [key for key, why in WAIVERS.items() if key[0] not in known or key[1] not in rules or len(why) < 20] == []


class Careless(Schema):
    password: SecretStr
    port: int


class CarelessNode(Node[Careless]):
    name = "CareLess"
    label = ""
    category = "none"  # type: ignore[assignment]
    Config = Careless
    outputs = ("a", "a")
    takes_input = False

    def run(self, payload: object, context: object) -> None:  # type: ignore[override]
        """Never called."""


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        (names, ["label", "category", "name", "file"]),
        (docstrings, [""]),
        (fields, ["password", "port"]),
        (secrets, ["Config"]),
        (outputs, ["outputs", "takes_input"]),
        (examples, [""]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_rules_find_what_is_wrong(rule: Rule, places: list[str]) -> None:
    assert [place for place, _ in rule(CarelessNode)] == places
