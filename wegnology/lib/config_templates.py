"""Templates in the settings of connections and credentials: over globals only, strict, and not escaped for HTML."""

import difflib

from wegnology.lib.known_globals import KnownGlobals, known_globals
from wegnology.lib.template_names import GlobalNames, global_names
from wegnology.lib.templating import TemplateError, ValueMissing, compile_template
from wegnology.lib.types import JSONObject


def is_template(value: object) -> bool:
    """Say whether a raw value is rendered before it is used."""
    return isinstance(value, str) and "{{" in value


def render_config(text: str, context: JSONObject) -> str:
    """Render a template of a connection's settings: no HTML escaping, and a missing global is an error that names it.

    Missing may be only what a condition, a block or `defaultTo` asks for. No error repeats a value of a secret global.
    """
    known, names = known_globals(context), global_names(text)
    for key in sorted(names.keys):
        if key in known.faults:
            raise TemplateError(f"the secret global `{key}` cannot be opened: {known.faults[key]}")
    for key in sorted(names.needed - known.keys()):
        raise _no_global(key, known)
    try:
        return compile_template(text, escape=False).render_strictly(context)
    except ValueMissing as error:
        absent = global_names(f"{{{{{error.path}}}}}").keys - known.keys()
        raise (_no_global(min(absent), known) if absent else error) from None
    except TemplateError as error:
        raise _without_secrets(error, known, names) from None


def _no_global(key: str, known: KnownGlobals) -> TemplateError:
    near = difflib.get_close_matches(key, known.keys() | known.faults.keys(), n=1)
    return TemplateError(f"there is no global `{key}`" + (f"; did you mean `{near[0]}`?" if near else ""))


def _without_secrets(error: TemplateError, known: KnownGlobals, names: GlobalNames) -> TemplateError:
    """A helper may repeat what it was given: where that could be a secret, only say that it failed."""
    if known.names_secret(names):
        return TemplateError("the template cannot be rendered with the value of its secret global")
    return error
