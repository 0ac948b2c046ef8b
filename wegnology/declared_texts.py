"""What declarations say to people: titles and help of settings, names of types, nodes and models.

These stand in plain English where they are declared and are translated where they are shown, so nothing marks them. Translators
get them through `makemessages`, which asks here.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args, get_origin

from django.apps import apps
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from integrations.admin import about
from integrations.connectors.base import connectors
from wegnology.apps import APPS
from wegnology.lib.choices import Choice
from wegnology.lib.credential_types import CREDENTIAL_TYPES
from wegnology.lib.forms import TEMPLATE_SUFFIX, option_words, words_of
from wegnology.lib.model_names import called, names_of
from wegnology.lib.reference import said_of
from wegnology.lib.schema import Schema, hints
from wegnology.lib.schema_leaves import json_names, shape_of
from workflows.nodes.base import Category, nodes
from workflows.trigger_words import OWN_WORDS
from workflows.triggers import TRIGGERS


def declared_texts() -> list[str]:
    """Return every text once, in order."""
    return list(dict.fromkeys(text for text in _texts() if text))


def declared_names() -> list[tuple[str, str]]:
    """Return what is counted on pages, as names of one and of many: models, and triggers that are no integrations."""
    models = [called(model) for name in APPS for model in apps.get_app_config(name).get_models()]
    return list(dict.fromkeys([*models, *((words, f"{words}s") for words in OWN_WORDS.values())]))


def _texts() -> Iterator[str]:
    for connector in connectors:
        yield from (connector.label, about(connector), connector.notice, connector.topics_label, connector.topics_help)
        yield from schema_texts(connector.Config)
        yield from schema_texts(connector.Outgoing) if connector.Outgoing else ()
    for kind in CREDENTIAL_TYPES.values():
        yield from (kind.label, said_of(kind).partition("\n")[0], *schema_texts(kind))
    for node in nodes:
        yield from (node.label, *schema_texts(node.Config))
    for trigger in TRIGGERS.values():
        yield from schema_texts(trigger)
    yield from (str(category.value) for category in Category)
    for name in APPS:
        for model in apps.get_app_config(name).get_models():
            yield from (*called(model), *names_of(model))


def schema_texts(schema: type[BaseModel]) -> Iterator[str]:
    """Yield what forms say of settings: labels, help, sections, examples, values to choose; of objects in them, too."""
    for name, field in json_names(schema).items():
        title = field.title or words_of(name)
        yield from (title, words_of(name), title.removesuffix(TEMPLATE_SUFFIX), field.description or "")
        yield from (str(hints(field).get("section", "")), str(hints(field).get("placeholder", "")))
        yield from (option_words(str(value)) for value in _options(field.annotation) if isinstance(value, str))
        yield from _objects(field)
    if issubclass(schema, Schema):
        for choice in schema.choices:
            yield from _choice(choice)


def _choice(choice: Choice) -> Iterator[str]:
    yield from (choice.title, choice.description)
    for option in choice.options:
        yield from (option.label, option.otherwise, *option.needs.values())


def _objects(field: FieldInfo) -> Iterator[str]:
    shape = shape_of(field)
    for each in (shape, shape.items, shape.values):
        for schema in each.objects if each is not None else ():
            yield from schema_texts(schema)


def _options(annotation: Any) -> Iterable[Any]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return [value for part in get_args(annotation) for value in _options(part)]
