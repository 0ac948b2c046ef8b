"""What every connector must declare. It finds a new one by itself: nothing here names a type, but for the waivers."""

import ast
from collections.abc import Callable, Iterator
from typing import ClassVar, Literal, TypedDict, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from integrations.connectors.base import AnyConnector, Connector, Promise, connectors
from integrations.events import EventKind
from integrations.runtime.supervisor import TICK_SECONDS
from tests.lamp import LampConnector
from tests.standards import docstring_faults, field_faults, file_name_of, file_of, its_test_file, judge, secret_faults
from wegnology.lib.examples import settings_example
from wegnology.lib.reference import said_of
from wegnology.lib.schema import ConfigInvalid, Field, Schema

ConnectorClass = type[AnyConnector]
Faults = Iterator[tuple[str, str]]
Rule = Callable[[ConnectorClass], Faults]

NOTICED_SECONDS = 30.0
WAIVERS: dict[tuple[str, str, str], str] = {
    ("sqs", "secrets", "accessKeyId"): "the id of a key says which one is used; AWS shows it too, the secret is beside it",
}
"""By public name, rule and place, with the reason."""


def names(connector: ConnectorClass) -> Faults:
    if not connector.label.strip():
        yield "label", "it has no label"
    if file_of(connector).name != file_name_of(connector.name):
        yield "file", f"{connector.name} belongs in {file_name_of(connector.name)}, it is in {file_of(connector).name}"
    word = connector.name[:1].upper() + connector.name[1:]
    for cls, wanted in ((connector, "Connector"), (connector.Config, "Config"), (connector.Outgoing, "Outgoing")):
        if cls is not None and cls.__name__ != f"{word}{wanted}":
            yield wanted, f"{cls.__name__} should be called {word}{wanted}"


def docstrings(connector: ConnectorClass) -> Faults:
    yield from docstring_faults(connector)
    yield from docstring_faults(connector.Config)
    if connector.Outgoing is not None:
        yield from docstring_faults(connector.Outgoing)


def fields(connector: ConnectorClass) -> Faults:
    yield from field_faults(connector.Config)
    if connector.Outgoing is not None:
        yield from field_faults(connector.Outgoing)


def secrets(connector: ConnectorClass) -> Faults:
    yield from secret_faults(connector.Config)
    if connector.Outgoing is not None and connector.Outgoing.secret_fields():
        yield "Outgoing", "a message to send holds secrets, which would lie in the outbox in clear"


def payloads(connector: ConnectorClass) -> Faults:
    for kind in EventKind:
        shape = connector.payloads.get(kind)
        if shape is None or not is_typeddict(shape):
            yield kind, f"there is no TypedDict for events of kind {kind}"
            continue
        if not said_of(shape).partition("\n")[0].endswith("."):
            yield kind, f"{shape.__name__} does not say what it is"
        told = get_type_hints(shape).get("type")
        if get_origin(told) is not Literal or get_args(told) != (str(kind),):
            yield kind, f"the `type` of {shape.__name__} is not the literal {kind}"


def sending(connector: ConnectorClass) -> Faults:
    if (connector.Outgoing is None) is not (connector.send_node == ""):
        yield "send_node", "Outgoing and send_node go together"
    if connector.send_node and not connector.send_node.endswith("Node"):
        yield "send_node", f"{connector.send_node} does not end in Node"
    if (connector.sends_live or connector.send_waits) and connector.Outgoing is None:
        yield "Outgoing", "it says how it sends, but not what"
    if connector.send_waits and not connector.sends_live:
        yield "send_waits", "waiting for the live connection needs sending through it"
    by_request = connector.Outgoing is not None and not connector.sends_live
    if by_request and (connector.answer is None or not is_typeddict(connector.answer) or not said_of(connector.answer)):
        yield "answer", "there is no TypedDict of what stands at resultPath, or it does not say what it is"
    if (connector.Direct is None) is (connector.direct_ways != ()):
        yield "Direct", "Direct and direct_ways go together"


def topics(connector: ConnectorClass) -> Faults:
    if connector.topics_label and not connector.topics_help.endswith("."):
        yield "topics_help", "topics are not explained"
    if connector.topics_required and not connector.topics_label:
        yield "topics_required", "topics are required but have no name"


def examples(connector: ConnectorClass) -> Faults:
    try:
        connector.Config.resolve(settings_example(connector.Config), {})
    except ConfigInvalid as error:
        yield "Config", f"the example in the reference is wrong: {error}"
    if connector.Outgoing is not None:
        try:
            connector.Outgoing.check(settings_example(connector.Outgoing))
        except ConfigInvalid as error:
            yield "Outgoing", f"the example in the reference is wrong: {error}"


def is_tested(connector: ConnectorClass) -> Faults:
    """Its test module has a class that inherits the contract and names this connector, or one made from it."""
    path = its_test_file(connector)
    if not path.exists():
        yield "", f"{path} is missing"
        return
    tree = ast.parse(path.read_text())
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    bases = {one.name: {ast.unparse(base) for base in one.bases} for one in classes}
    ours = {connector.__name__} | {name for name, of in bases.items() if connector.__name__ in of}
    held = [
        one
        for one in classes
        if "ConnectorContract" in bases[one.name]
        for line in one.body
        if isinstance(line, ast.AnnAssign | ast.Assign) and line.value is not None and ast.unparse(line.value) in ours
    ]
    if not held:
        yield "", f"{path.name} has no class that inherits ConnectorContract for {connector.__name__}"


def noticing(connector: ConnectorClass) -> Faults:
    """A peer that hangs is noticed within half a minute: it was quiet for a while, then did not answer in time."""
    seconds = connector.probe_seconds + TICK_SECONDS + connector.probe_limit
    if seconds > NOTICED_SECONDS:
        yield "probe_limit", f"a peer that hangs is noticed after {seconds:g} s only"


def checks(connector: ConnectorClass) -> Faults:
    """A person can ask whether it works, and gets advice."""
    if all("check" not in vars(cls) for cls in connector.__mro__ if cls is not Connector):
        yield "check", "it has no check of its own"
    if all("advise" not in vars(cls) for cls in connector.__mro__ if cls is not Connector):
        yield "advise", "it advises nothing when something fails"


def promises(connector: ConnectorClass) -> Faults:
    """What is said about a type, and what its contract suite leaves out, are the same."""
    kept = {
        Promise.COMES_AGAIN: connector.redelivers,
        Promise.WAITS: connector.can_wait,
        Promise.SENDS: connector.Outgoing is not None,
    }
    for promise, keeps in kept.items():
        if keeps is (promise in connector.cannot):
            yield promise, f"its flags say {keeps}, and `cannot` the opposite"
    for promise, why in connector.cannot.items():
        if len(why) < 20 or not why.endswith("."):
            yield promise, f"{why!r} is no reason"


RULES: list[Rule] = [
    names,
    docstrings,
    fields,
    secrets,
    payloads,
    sending,
    topics,
    promises,
    examples,
    noticing,
    checks,
    is_tested,
]


def registered() -> list[ConnectorClass]:
    """Return the connectors of the product; other tests register some of their own."""
    return [connector for connector in connectors if connector.__module__.startswith("integrations.connectors.")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("connector", registered(), ids=lambda connector: connector.name)
def test_standard(connector: ConnectorClass, rule: Rule) -> None:
    assert judge(connector.name, rule.__name__, rule(connector), WAIVERS) == []


def test_waivers_name_what_exists_and_say_why() -> None:
    known = {connector.name for connector in registered()}
    rules = {rule.__name__ for rule in RULES}
    assert [key for key, why in WAIVERS.items() if key[0] not in known or key[1] not in rules or len(why) < 20] == []


class Careless(Schema):
    host: str
    access_token: str = Field("", description="Opens it.")


class Came(TypedDict):
    """It came."""

    type: Literal["disconnect"]


class CarelessLamp(LampConnector):
    name: ClassVar[str] = "careLess"
    label: ClassVar[str] = " "
    Config = Careless  # type: ignore[assignment]
    Outgoing = None
    send_waits: ClassVar[bool] = True
    topics_help: ClassVar[str] = ""
    redelivers: ClassVar[bool] = False
    can_wait: ClassVar[bool] = True
    cannot: ClassVar = {Promise.WAITS: "no"}
    payloads: ClassVar = {EventKind.MESSAGE: dict, EventKind.CONNECT: Came}
    probe_limit: ClassVar[float] = 20.0


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        (names, ["label", "file", "Connector", "Config"]),
        (docstrings, [""]),
        (fields, ["host"]),
        (secrets, ["accessToken"]),
        (payloads, ["message", "connect", "disconnect", "failure"]),
        (sending, ["Outgoing", "send_waits"]),
        (topics, ["topics_help"]),
        (promises, [Promise.COMES_AGAIN, Promise.WAITS, Promise.SENDS]),
        (noticing, ["probe_limit"]),
        (checks, ["check", "advise"]),
        (is_tested, [""]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_rules_find_what_is_wrong(rule: Rule, places: list[str]) -> None:
    found = [place for place, _ in rule(CarelessLamp)]
    assert list(dict.fromkeys(found)) == places
    waivers = {("careLess", rule.__name__, place): "for this test alone" for place in places}
    assert judge("careLess", rule.__name__, rule(CarelessLamp), {}) != []
    assert judge("careLess", rule.__name__, rule(CarelessLamp), waivers) == []


def test_a_waiver_that_nothing_needs_is_a_fault() -> None:
    waivers = {("careLess", "fields", "port"): "there was a port once", ("another", "fields", "x"): "not ours"}
    assert judge("careLess", "fields", iter([]), waivers) == ["the waiver for 'port' is not needed any more"]
