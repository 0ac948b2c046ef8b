"""The contract between a node and the engine.

A node is built once per workflow version (all templates compiled in `__init__`) and run many times. Every effect goes through the
`RunContext`, so a test hands in a fake. Nodes know no database, Celery or Redis.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from pydantic import BeforeValidator

from wegnology.lib.paths import Path, PathError
from wegnology.lib.registry import Registry
from wegnology.lib.schema import ConfigInvalid, Schema
from wegnology.lib.templating import Template, TemplateError, compile_template
from wegnology.lib.types import JSONObject, JSONValue
from workflows.exceptions import ExpressionError
from workflows.expressions import Expression
from workflows.http_call import HttpAnswer, HttpCall


class Category(StrEnum):
    """Where the palette shows a node."""

    LOGIC = "logic"
    DATA = "data"
    OUTPUT = "output"
    DEBUG = "debug"


class NodeFailed(Exception):
    """A node could not do its work: the run ends and is parked. `name` is the kind of error, the text is for people."""

    def __init__(self, message: str, name: str = "Error") -> None:
        self.name = name
        super().__init__(message)


Result = tuple[JSONObject, int]
"""The payload after a node and which output it leaves through, 0 being the first. A plain tuple: every node of every run makes
one, and a class of its own would cost more than many a node.
"""


class Login:
    """A login that a node has itself, in place of an integration. `settings` are the rendered fields of the type's `Direct`."""

    __slots__ = ("connector", "credential_name", "settings")

    def __init__(self, connector: str, settings: JSONObject, credential_name: str = "") -> None:
        self.connector = connector
        self.settings = settings
        self.credential_name = credential_name

    def __repr__(self) -> str:
        return f"<Login {self.connector}>"


class Button(NamedTuple):
    """A virtual button of a workflow; without a version, of the one that triggers fire."""

    workflow_id: str
    key: str
    version: str = ""


class Starts(Protocol):
    """What a run does to other workflows of its application. Raises `NodeFailed` with what is wrong."""

    def start(self, button: Button, data: JSONValue, node_id: str) -> str:
        """Press a virtual button with the end of this run; returns the id of the run that it starts."""

    async def schedule(self, button: Button, data: JSONValue, due_ms: int, node_id: str) -> str:
        """Press a virtual button later, at a time in milliseconds since 1970; returns the id of the run."""

    async def cancel(self, run_id: str) -> bool:
        """Take a scheduled run back; False when there is none of that id, or it has started."""

    async def reply(self, reply_id: str, reply: JSONObject) -> bool:
        """Answer a webhook call with `status`, `headers` (pairs) and `body`; False when nobody waits for it."""


class Storage(Protocol):
    """What the runs of a workflow keep between them. Each operation is one step; raises `NodeFailed` beyond the bounds."""

    async def get(self, name: str) -> JSONValue:
        """Return the value stored under a key, None when there is none."""

    async def all(self) -> JSONObject:
        """Return everything stored, by key."""

    async def set(self, name: str, value: JSONValue) -> None:
        """Store a value under a key."""

    async def remove(self, name: str) -> None:
        """Remove a key."""

    async def add(self, name: str, amount: float) -> JSONValue:
        """Add to the number stored under a key, 0 when there is none; returns the sum."""

    async def swap(self, place: str, value: JSONValue) -> tuple[bool, JSONValue]:
        """Remember a value in a place of the node's own; returns whether one was remembered before, and which."""

    async def latch(self, place: str, latches: bool, resets: bool) -> tuple[bool, bool]:
        """Set what is not set when `latches`, free what is set when `resets`; returns whether it was set, and is."""

    async def may_pass(self, place: str, interval_ms: float) -> tuple[bool, int | None]:
        """Say whether so much time has gone by since it last passed, and how much; None when it never did."""


class RunContext(Protocol):
    """Every effect that a node may have."""

    @property
    def storage(self) -> Storage:
        """What the runs of this workflow keep."""

    @property
    def starts(self) -> Starts:
        """What the run does to other workflows."""

    def tick(self) -> float:
        """Raise `RunLimitReached` when the run's deadline has passed; call it in long loops. Returns until when (monotonic
        seconds) it need not be asked again.
        """

    def debug(self, message: str, value: JSONValue, level: str = "verbose", node_id: str = "") -> None:
        """Show a value to whoever watches the workflow. Keep no reference to it: the run goes on changing it.

        A node that waited says which it is; of others it is known, being the one visited last.
        """

    async def send(self, integration_id: str, message: JSONObject, node_id: str) -> JSONObject:
        """Send through an integration; returns the peer's answer, or {} where messages wait for the connection.

        Raises `NodeFailed` when the integration is missing or disabled, or when the message does not leave through its
        connection; `SendFailed` when a service that is asked by request did not take it. Called once per visit of a
        node; the context numbers the visits of each, so a run that happens twice does not send twice through an outbox.
        """

    def queue(self, integration_id: str, message: JSONObject, node_id: str) -> bool:
        """As `send`, where a message waits for the connection and nothing else; else returns False, having done nothing."""

    async def send_directly(self, login: Login, message: JSONObject, node_id: str) -> JSONObject:
        """Send by request with a login of the node's own; as `send`."""

    async def run_script(self, script: str, payload: bytes, node_id: str = "") -> bytes:
        """Run JavaScript over a payload; both are JSON text. Raises `NodeFailed` with the script's own error."""

    async def http(self, call: HttpCall) -> HttpAnswer:
        """Ask a web server; an answer of any status is one. Raises `NodeFailed` when there is none, within `call.seconds`."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""

    async def turn(self) -> None:
        """Let others compute; the engine asks between nodes when a run has used up its slice."""


C = TypeVar("C", bound=Schema)
T = TypeVar("T")


def _written(value: object) -> object:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


NumberTemplate = Annotated[str, BeforeValidator(_written)]
"""A setting that is a template and gives a number; exports write it as a number too."""


def compiled(field: str, compile_text: Callable[[str], T], text: str) -> T:
    """Compile one setting; what is wrong with it becomes a `ConfigInvalid` of that field (its JSON name).

    What goes wrong later, when a template is rendered or an expression evaluated, names the field too.
    """
    try:
        made = compile_text(text)
    except (TemplateError, PathError, ExpressionError) as error:
        raise ConfigInvalid({field: str(error)}) from None
    if isinstance(made, (Template, Expression)):
        return made.named(field)  # type: ignore[return-value]
    return made


def path_of(field: str, text: str) -> Path:
    """Compile a setting that is a payload path."""
    return compiled(field, Path.parse, text)


def optional_path(field: str, text: str) -> Path | None:
    """Compile a setting that is a payload path or blank."""
    return path_of(field, text) if text.strip() else None


def template_of(field: str, text: str) -> Template:
    """Compile a setting that is a template and whose text is data, not HTML: nothing is escaped."""
    return compiled(field, partial(compile_template, escape=False), text)


class Node(ABC, Generic[C]):
    """A node that computes: synchronous, short, its input is bounded."""

    name: ClassVar[str]
    """Stored and public: "ConditionalNode"."""
    label: ClassVar[str]
    category: ClassVar[Category]
    Config: ClassVar[type[Schema]]
    outputs: tuple[str, ...] = ("next",)
    """Names of the outputs, in the order of `outputIds`; an instance may set its own."""
    takes_input: ClassVar[bool] = True
    """False for what only stands on the canvas and cannot be wired."""

    def __init__(self, config: C) -> None:
        """Compile what can be compiled; raises `ConfigInvalid` with faults by field."""
        self.config = config

    @abstractmethod
    def run(self, payload: JSONObject, context: RunContext) -> Result:
        """Work on `payload` (this branch's own copy; may be changed in place). Raises `NodeFailed`."""


class AwaitingNode(ABC, Generic[C]):
    """A node that waits for something: a send, an answer, time.

    The engine drives `run` by hand up to its first real suspension, where no asyncio task may exist yet. A node whose
    libraries need one from the start (`asyncio.timeout`, anyio) says so by `needs_task`.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    category: ClassVar[Category]
    Config: ClassVar[type[Schema]]
    outputs: tuple[str, ...] = ("next",)
    takes_input: ClassVar[bool] = True
    needs_task: ClassVar[bool] = False
    node_id: str = ""
    """Which node of its workflow this is; set when the workflow is built."""

    def __init__(self, config: C) -> None:
        """Compile what can be compiled; raises `ConfigInvalid` with faults by field."""
        self.config = config

    @abstractmethod
    def run(self, payload: JSONObject, context: RunContext) -> Result | Coroutine[Any, Any, Result]:
        """As `Node.run`, but may await: mostly `async def`. One that is often done at once may return its result without a
        coroutine, unless it needs a task. Each wait has a bound of its own.
        """


class LoopingNode(ABC, Generic[C]):
    """A node whose second output leads into a body of nodes that the engine walks once for each item, then on by the first."""

    name: ClassVar[str]
    label: ClassVar[str]
    category: ClassVar[Category]
    Config: ClassVar[type[Schema]]
    outputs: tuple[str, ...] = ("after", "inside")
    takes_input: ClassVar[bool] = True
    parallel: bool = False
    """Whether the items are worked on side by side, each on a copy of the payload that is dropped afterwards."""

    def __init__(self, config: C) -> None:
        """Compile what can be compiled; raises `ConfigInvalid` with faults by field."""
        self.config = config

    @abstractmethod
    def items(self, payload: JSONObject) -> Sequence[JSONObject]:
        """Return what to go through: an object for each item, which the body finds in its payload. Raises `NodeFailed`."""

    @abstractmethod
    def enter(self, payload: JSONObject, item: JSONObject) -> JSONObject:
        """Return the payload of one walk through the body, changed in place."""

    @abstractmethod
    def leave(self, payload: JSONObject, values: list[JSONValue]) -> JSONObject:
        """Return the payload to go on with; `values` are what the walks gave, in order."""

    @abstractmethod
    def value(self, payload: JSONObject) -> JSONValue:
        """Return what a walk gives, where its end does not say."""


class CapNode(ABC, Generic[C]):
    """A node that ends a walk through a loop's body. The first one reached decides."""

    name: ClassVar[str]
    label: ClassVar[str]
    category: ClassVar[Category]
    Config: ClassVar[type[Schema]]
    outputs: tuple[str, ...] = ()
    takes_input: ClassVar[bool] = True
    loop_id: str
    """The loop that it belongs to."""
    breaks: bool = False
    """Whether the loop ends with this walk."""

    def __init__(self, config: C) -> None:
        """Compile what can be compiled; raises `ConfigInvalid` with faults by field."""
        self.config = config

    @abstractmethod
    def value(self, payload: JSONObject) -> tuple[bool, JSONValue]:
        """Return whether this end says what the walk gives, and that."""


AnyNode = Node[Any] | AwaitingNode[Any] | LoopingNode[Any] | CapNode[Any]
AnyNodeClass = type[Node[Any]] | type[AwaitingNode[Any]] | type[LoopingNode[Any]] | type[CapNode[Any]]

nodes: Registry[AnyNodeClass] = Registry("workflows.nodes")
