"""All helpers of templates, gathered: importing a module registers its helpers."""

from wegnology.lib import template_collections, template_formats, template_pages, template_places, template_texts
from wegnology.lib.template_helpers import CONDITIONS, CONTEXTUAL, Helper, arity_fault, helpers, unknown_helper

MODULES = (template_collections, template_formats, template_pages, template_places, template_texts)

__all__ = ["CONDITIONS", "CONTEXTUAL", "MODULES", "Helper", "arity_fault", "helpers", "unknown_helper"]
