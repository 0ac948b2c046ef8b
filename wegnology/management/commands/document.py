"""`manage.py document`: write docs/reference from the code; with `--check`, say whether it is current."""

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, no_translations

from integrations.connectors.base import AnyConnector, connectors
from integrations.events import EventKind
from wegnology.lib.credential_reference import credential_parts
from wegnology.lib.credential_types import CREDENTIAL_TYPES
from wegnology.lib.examples import settings_example, shape_example
from wegnology.lib.reference import json_block, said_of, settings_table, shape_table, table
from wegnology.lib.template_helpers import CONDITIONS, helpers
from wegnology.lib.types import JSONObject
from workflows.nodes.base import AnyNodeClass, Category, nodes
from workflows.operations import FUNCTIONS
from workflows.triggers import TRIGGERS

_MADE = "<!-- Written by `manage.py document` from the code. Change the code, then run it again. -->"
_KINDS = {
    EventKind.MESSAGE: "a message arrived",
    EventKind.CONNECT: "the connection came up",
    EventKind.DISCONNECT: "the connection was lost",
    EventKind.FAILURE: "no connection could be made",
}


class Command(BaseCommand):
    """Write the reference pages, or compare them with the code."""

    help = "Write the reference pages from the code (docs/reference)."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do and where."""
        parser.add_argument("--check", action="store_true", help="change nothing; fail when a page is not current")
        parser.add_argument("--folder", type=Path, default=settings.BASE_DIR / "docs" / "reference", help="where the pages are")

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        """Write or compare."""
        folder: Path = options["folder"]
        wanted = pages(connectors, nodes)
        there = {path.name: path.read_text() for path in folder.glob("*.md")}
        stale = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
        if options["check"]:
            if stale:
                raise CommandError(f"not current in {folder}: {', '.join(stale)}. Run: python manage.py document")
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            if name in wanted:
                (folder / name).write_text(wanted[name])
            else:
                (folder / name).unlink()
            self.stdout.write(f"{'written' if name in wanted else 'removed'}: {folder / name}")


def pages(types: Iterable[type[AnyConnector]], kinds: Iterable[AnyNodeClass]) -> dict[str, str]:
    """Return every page by its file name."""
    types, kinds = list(types), list(kinds)
    made = {
        "index.md": _index(types, kinds),
        "integrations.md": _integrations(types),
        "nodes.md": _nodes(kinds),
        "credentials.md": credential_parts(_takers(types)),
    }
    return {name: "\n\n".join([_MADE, *filter(None, parts)]) + "\n" for name, parts in made.items()}


# ---- index


def _index(types: list[type[AnyConnector]], kinds: list[AnyNodeClass]) -> Iterator[str]:
    yield "# Reference"
    yield "Every setting, made from the code. How to use them is told in the [guide](../guide.md)."
    yield "## Integrations"
    yield table(
        ("Type", "Name", "Sends with", "Acknowledges"),
        [
            (_link(t.label, "integrations.md", t.label), f"`{t.name}`", _code(t.send_node), "yes" if t.redelivers else "no")
            for t in types
        ],
    )
    yield "## Nodes"
    for category in Category:
        rows = [(_link(kind.label, "nodes.md", _heading(kind)), _first_line(kind)) for kind in kinds if kind.category is category]
        if rows:
            yield f"### {category.value.capitalize()}"
            yield table(("Node", "What it does"), rows)
    yield "## Service credentials"
    yield table(
        ("Kind", "Name", "What it is"),
        [(_link(c.label, "credentials.md", c.label), f"`{c.name}`", _first_line(c)) for c in CREDENTIAL_TYPES.values()],
    )
    yield "## Templates and expressions"
    yield "[Helpers of templates](nodes.md#helpers-of-templates), [functions of expressions](nodes.md#functions-of-expressions)."


# ---- integrations


def _integrations(types: list[type[AnyConnector]]) -> Iterator[str]:
    yield "# Integrations"
    yield (
        "Settings of each type by their name in JSON, and what a workflow finds under `data`. Where *Template* says yes, the "
        "value may hold templates over the application's globals, such as `{{globals.broker}}`. A secret is stored sealed and "
        "not shown again. The payload around `data` is the same for all types: see [the guide](../guide.md#what-a-workflow-sees)."
    )
    for connector in types:
        yield from _integration(connector)


def _integration(connector: type[AnyConnector]) -> Iterator[str]:
    yield f"## {connector.label}"
    yield f"Type `{connector.name}`. {connector.notice}".strip()
    yield "\n".join(f"- {line}" for line in _abilities(connector))
    yield f"### {connector.label}: settings"
    yield said_of(connector.Config)
    yield settings_table(connector.Config)
    yield from (choice.in_words() for choice in connector.Config.choices)
    yield "The least that is needed:"
    yield json_block(settings_example(connector.Config))
    if connector.Outgoing is not None:
        yield f"### {connector.label}: a message to send"
        yield f"{said_of(connector.Outgoing)} In a workflow: `{connector.send_node}`."
        yield settings_table(connector.Outgoing)
        if connector.answer is not None:
            yield f"What stands at the node's `resultPath` afterwards. {said_of(connector.answer)}"
            yield shape_table(connector.answer)
    yield f"### {connector.label}: events"
    for kind in EventKind:
        if kind in connector.payloads:
            yield from _event(kind, connector.payloads[kind])


def _abilities(connector: type[AnyConnector]) -> Iterator[str]:
    """Say what a type can do and what it promises."""
    if connector.topics_label:
        needed = "one or more to receive anything" if not connector.topics_required else "at least one is required"
        yield f"{connector.topics_label} (`topics`): {needed}. {connector.topics_help}".strip()
    else:
        yield "No topics: whatever arrives is a message."
    if connector.credential_types:
        taken = [CREDENTIAL_TYPES[name].label for name in connector.credential_types]
        yield f"Takes a service credential (`credentialName`): {', '.join(_link(t, 'credentials.md', t) for t in taken)}."
    yield f"Receives: {', '.join(f'{_KINDS[kind]} (`{kind}`)' for kind in EventKind if kind in connector.payloads)}."
    yield f"Sends: {_sending(connector)}"
    if connector.redelivers:
        yield "A message is acknowledged once it is stored; until then the source may send it again, so one may come twice."
    else:
        yield "Nothing is acknowledged: what the server sends while there is no connection is missed."
    if connector.polls:
        yield "The source is asked for messages, and not asked for more while the inbox is over 80 % full: they wait there."
    elif connector.can_wait:
        yield "When the inbox is full, what the source would send again waits there; of the rest the oldest goes, counted."
    else:
        yield "The source cannot wait: when the inbox is full, the oldest event is dropped and counted."
    for promise, why in connector.cannot.items():
        yield f"It is not promised that {promise}. {why}"
    yield f"A quiet connection is asked for proof of life every {connector.probe_seconds:g} s."


def _takers(types: list[type[AnyConnector]]) -> dict[str, str]:
    """Say by kind of service credential which types take it."""
    takers = {kind: [t.label for t in types if kind in t.credential_types] for kind in CREDENTIAL_TYPES}
    return {kind: ", ".join(_link(label, "integrations.md", label) for label in labels) for kind, labels in takers.items()}


def _sending(connector: type[AnyConnector]) -> str:
    if connector.Outgoing is None:
        return "no."
    if not connector.sends_live:
        return (
            f"with `{connector.send_node}`, by a request of its own, whether or not the integration is connected; the node waits "
            "for the answer. A run that is repeated after a crash sends again."
        )
    if connector.send_waits:
        return (
            f"with `{connector.send_node}`, through the live connection; the node waits for the outcome, and fails without one."
        )
    return f"with `{connector.send_node}`, through the live connection; without one, messages wait in the outbox."


def _event(kind: EventKind, shape: type) -> Iterator[str]:
    yield f"**{kind}** ({_KINDS[kind]})"
    yield said_of(shape)
    yield shape_table(shape)
    example = shape_example(shape)
    if example:
        yield json_block({"data": example})


# ---- nodes


def _nodes(kinds: list[AnyNodeClass]) -> Iterator[str]:
    yield "# Nodes"
    yield (
        'Each node of a workflow is an object `{"id", "type", "config", "outputIds"}`. `outputIds` holds one list of node ids '
        "for each output, in the order given below; an empty list ends the branch there. A payload path is written without "
        "braces (`data.message`), a template with them (`{{data.message}}`)."
    )
    yield from _triggers()
    for kind in kinds:
        yield from _node(kind)
    yield "## Helpers of templates"
    yield f"`{{{{helper value ...}}}}`: {_list(sorted(helpers))}."
    yield f"Also as blocks, `{{{{#gt a b}}}}...{{{{else}}}}...{{{{/gt}}}}`: {_list(sorted(CONDITIONS))}."
    yield "Blocks of Handlebars itself: `if`, `unless`, `each`, `with`."
    yield "## Functions of expressions"
    yield f"{_list(sorted(FUNCTIONS))}."


def _triggers() -> Iterator[str]:
    yield "## Triggers"
    yield (
        'A trigger is `{"type", "key", "config", "outputIds"}`; `outputIds[0]` holds the nodes at which its runs start. The '
        "key of type `integration` is an integration's id; see [integrations](integrations.md) for what it fires with. The "
        "types below get their key when the workflow is saved. Any other type is kept and never fires."
    )
    for name, schema in TRIGGERS.items():
        yield f"### Trigger `{name}`"
        yield said_of(schema)
        yield settings_table(schema) or "It has no settings."


def _node(kind: AnyNodeClass) -> Iterator[str]:
    yield f"## {_heading(kind)}"
    yield f"Type `{kind.name}`. {said_of(kind)}"
    yield _outputs(kind)
    yield settings_table(kind.Config) or "It has no settings."
    yield json_block(node_example(kind))


def node_example(kind: AnyNodeClass) -> JSONObject:
    """Return a node as it stands in a workflow, its outputs not wired yet."""
    word = kind.name.removesuffix("Node")
    return {
        "id": word[:1].lower() + word[1:],
        "type": kind.name,
        "config": settings_example(kind.Config),
        "outputIds": [[] for _ in kind.outputs],
    }


def _outputs(kind: AnyNodeClass) -> str:
    if not kind.takes_input:
        return "It cannot be wired."
    if not kind.outputs:
        return "No outputs: the run ends here."
    return f"Outputs: {', '.join(f'`{name}`' for name in kind.outputs)}."


def _heading(kind: AnyNodeClass) -> str:
    """Output nodes bear the label of their integration type; say that they send."""
    return f"{kind.label} message" if kind.category is Category.OUTPUT else kind.label


def _first_line(kind: type) -> str:
    return said_of(kind).partition("\n")[0]


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _link(text: str, page: str, heading: str) -> str:
    anchor = "".join(c for c in heading.lower().replace(" ", "-") if c.isalnum() or c == "-")
    return f"[{text}]({page}#{anchor})"
