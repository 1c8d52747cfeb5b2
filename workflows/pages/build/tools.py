"""The forms of an AI's tools: what each is for, what the AI fills in, and what it gets to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from django.utils.translation import gettext as _

from connectors.forms import Field, form_for_model, text_field
from connectors.sdk import Field as described
from connectors.sdk import Model, hint
from connectors.sdk.asking import AskedField
from workflows.engine.definition import Arm, Node, Tool
from workflows.pages.build.settings import Edit, Part, Values, part_of


class Told(Model):
    """Of `Tool` what is plain data."""

    about: str = described(
        default="",
        max_length=1_000,
        title="What it is good for",
        description="The AI reads this to know when to use it.",
        json_schema_extra=hint("text", example="Finds what we have answered a journalist before"),
    )
    takes: list[AskedField] = described(
        default_factory=list,
        title="What the AI fills in",
        description="The steps of the tool use it under “call”.",
        json_schema_extra=hint("fields", example="query, a text: what to look for", one="Field", adds="Add a field"),
    )
    ask: bool = described(
        default=False,
        title="Ask a person first",
        description="Before each use somebody sees what the AI has filled in, and allows it or not.",
        json_schema_extra=hint("switch"),
    )


def tool_parts(node: Node, captions: Mapping[str, str]) -> Iterator[Part]:
    for index, arm in enumerate(node.arms or ()):
        way = f"arms.{index}"
        yield part_of(f"way:{way}", (_name(arm), *_told(arm.tool or Tool())), captions.get(way, ""), index)


def tool_edits(node: Node, way: str, changed: Values) -> Iterator[Edit]:
    tool = {name: value for name, value in changed.items() if name != "title"}
    usual = {"about": "", "takes": [], "ask": False}
    said: Edit = {"title": changed["title"] or ""} if "title" in changed else {}
    if tool:
        said["tool"] = {name: usual.get(name) if value is None else value for name, value in tool.items()}
    if said:
        yield {"do": "change_way", "step": node.id, "way": way, **said}


def _name(arm: Arm) -> Field:
    help = _("The AI and the people read it.")
    return Field("title", _("Name"), "text", help, _("Search the archive"), required=True, value=arm.title)


def _told(tool: Tool) -> Iterator[Field]:
    about, takes, ask = form_for_model(Told, tool.model_dump(mode="json", include=set(Told.model_fields))).fields
    help = _("When empty, all that its last step gives.")
    gives = text_field("gives", tool.gives or "", label=_("What the AI gets to read"), help=help, long=True)
    yield from (about, takes, replace(gives, example=_("Found: {{ steps.search.text }}")), ask)
