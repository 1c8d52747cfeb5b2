"""The panel's form of what one item gives, in a step that does others for each item of a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.utils.translation import gettext as _

from connectors.forms import pairs_field
from connectors.sdk import Action
from workflows.engine.definition import Node
from workflows.pages.build.settings import Edit, Part, Values, part_of


def item_part(node: Node, kind: type[Action] | None) -> Part | None:
    """What stands after the step as its results is a list of this; None for a step without items."""
    if kind is None or not kind.spawns or "steps" not in kind.sequences:
        return None
    help = _("Usually results of the steps inside. The list of them stands after this step as its results.")
    example = _("text: {{ steps.draft.text }}")
    part = part_of("item", (pairs_field("output", label=_("Each item gives"), help=help, example=example),))
    return replace(part, form=part.form.with_values({"output": node.output})) if node.output else part


def item_edits(node: Node, changed: Values) -> Iterator[Edit]:
    if "output" in changed:
        yield {"do": "change", "step": node.id, "field": "output", "value": changed["output"]}
