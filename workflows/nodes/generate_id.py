"""Generate ID: an identifier of a chosen kind."""

import secrets
import string
import uuid

from pydantic import Field

from wegnology.lib.ids import new_id
from wegnology.lib.javascript import number
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, nodes, path_of, template_of

KINDS = ("uuidv1", "uuidv3", "uuidv4", "uuidv5", "objectid", "nanoid")
MAX_NANOID = 256
_NANOID = string.ascii_letters + string.digits + "_-"


class GenerateIdConfig(Schema):
    """Settings of `GenerateIdNode`."""

    id_type_template: str = Field(
        default="uuidv4",
        max_length=1024,
        description="The kind: uuidv1, uuidv3, uuidv4, uuidv5, objectId or nanoid; a template.",
        examples=["uuidv4"],
    )
    destination_path: str = Field(description="Payload path of the new id.", examples=["working.id"])
    namespace_template: str = Field(
        default="", max_length=1024, description="For uuidv3 and uuidv5: the UUID that names are unique in; a template."
    )
    value_template: str = Field(default="", max_length=32_768, description="For uuidv3 and uuidv5: the name; a template.")
    num_characters_template: str = Field(
        default="21", max_length=1024, description="For nanoid: how many characters, 1 to 256; a template."
    )


@nodes.register
class GenerateIdNode(Node[GenerateIdConfig]):
    """Makes an identifier. `uuidv3` and `uuidv5` give the same id for the same name, the others a new one each time."""

    name = "GenerateIdNode"
    label = "Generate ID"
    category = Category.LOGIC
    Config = GenerateIdConfig

    def __init__(self, config: GenerateIdConfig) -> None:
        super().__init__(config)
        self._kind = template_of("idTypeTemplate", config.id_type_template)
        self._namespace = template_of("namespaceTemplate", config.namespace_template)
        self._value = template_of("valueTemplate", config.value_template)
        self._characters = template_of("numCharactersTemplate", config.num_characters_template)
        self._destination = path_of("destinationPath", config.destination_path)

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        kind = self._kind.render(payload).strip().lower()
        return self._destination.set(payload, self._new(kind, payload)), 0

    def _new(self, kind: str, payload: JSONObject) -> str:
        if kind == "uuidv1":
            # A random node: the machine's own address is nobody's business.
            return str(uuid.uuid1(node=secrets.randbits(48) | (1 << 40)))
        if kind == "uuidv4":
            return str(uuid.uuid4())
        if kind == "objectid":
            return new_id()
        if kind == "nanoid":
            return "".join(secrets.choice(_NANOID) for _ in range(self._length(payload)))
        if kind in ("uuidv3", "uuidv5"):
            return self._named(kind, payload)
        raise NodeFailed(f"there is no kind of id {kind[:80]!r}; known are {', '.join(KINDS)}")

    def _named(self, kind: str, payload: JSONObject) -> str:
        namespace, value = self._namespace.render(payload).strip(), self._value.render(payload)
        if not value:
            raise NodeFailed(f"valueTemplate gave an empty text; {kind} is made from a name")
        try:
            space = uuid.UUID(namespace)
        except ValueError:
            raise NodeFailed(f"namespaceTemplate must give a UUID, not {namespace[:80]!r}") from None
        return str(uuid.uuid3(space, value) if kind == "uuidv3" else uuid.uuid5(space, value))

    def _length(self, payload: JSONObject) -> int:
        text = self._characters.render(payload).strip() or "21"
        length = number(text)
        if not 1 <= length <= MAX_NANOID or length != int(length):
            raise NodeFailed(f"numCharactersTemplate must give a whole number from 1 to {MAX_NANOID}, not {text[:80]!r}")
        return int(length)
