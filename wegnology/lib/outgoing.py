"""Marks on the fields of a message to send: how a workflow's node gets their values.

A `Templated` field becomes the setting `<name>Template`. These marks declare what is more than one template:

    class SqsOutgoing(Schema):
        data: Annotated[str, Content("data")] = Field(...)
        attributes: Annotated[dict[str, Scalar], Pairs("attribute", most=10)] = Field({}, ...)

makes the settings `dataMethod`, `dataTemplate`, `dataPayloadPath`, and `attributeMethod`, `attributeFields`, `attributeTemplate`,
`attributePayloadPath`. A `Templated` field with `Setting("queueUrl")` is a template whose setting has just that name.
"""

from typing import Literal, TypeVar

from pydantic.fields import FieldInfo

Scalar = str | int | float | bool | None
"""A value beside a name in a flat object."""
TextMethod = Literal["stringTemplate", "jsonTemplate", "payloadPath"]


class Setting:
    """The exact name of a templated field's setting."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Content:
    """A text from a template or from a place in the payload, where objects and arrays become JSON.

    The first of `methods` is the default; a `jsonTemplate` must give valid JSON. A required field must not come out empty.
    """

    __slots__ = ("methods", "prefix")

    def __init__(self, prefix: str, methods: tuple[TextMethod, ...] = ("stringTemplate", "payloadPath")) -> None:
        self.prefix = prefix
        self.methods = methods


class Pairs:
    """A flat object of names and values: from single templates, one JSON template, or a place in the payload."""

    __slots__ = ("most", "prefix")

    def __init__(self, prefix: str, most: int = 100) -> None:
        self.prefix = prefix
        self.most = most


Mark = TypeVar("Mark", Setting, Content, Pairs)


def mark_of(field: FieldInfo, kind: type[Mark]) -> Mark | None:
    """Return the field's mark of this kind."""
    return next((mark for mark in field.metadata if isinstance(mark, kind)), None)
