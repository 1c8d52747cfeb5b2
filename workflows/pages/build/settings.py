"""The panel's own forms: when a step is done, what happens when it fails, the ways of a branch, inputs and results.

Each form is made from the draft, read again when something in it changes, and becomes edits of what has changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from django.utils.text import slugify
from django.utils.translation import gettext as _

from connectors.forms import Choice, Field, Form, condition_field, read, sent_by, text_field
from connectors.sdk import Action
from departments.models import Role
from workflows.engine.definition import Definition, Input, Node, Retry
from workflows.pages.showing import named
from workflows.services.templates import DECIDERS

Edit = dict[str, Any]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One form of the panel. `key` says which when it comes back: `when`, `way:cases.0`, `input:article`.

    `at` is its place among its kind, for moving it.
    """

    key: str
    form: Form
    title: str = ""
    at: int = 0

    @property
    def name(self) -> str:
        """`input:article` → `article`."""
        return self.key.partition(":")[2]

    @property
    def before(self) -> int:
        return self.at - 1

    @property
    def after(self) -> int:
        return self.at + 1


@dataclass(frozen=True, slots=True)
class Answered:
    """A part that came back: as it was typed, with errors; and what differs from the draft, by name."""

    part: Part
    changed: Values


def part_of(key: str, fields: tuple[Field, ...], title: str = "", at: int = 0) -> Part:
    """Its fields keep names and ids of their own beside those of the other parts."""
    prefix = f"{slugify(key.replace(':', '-').replace('.', '-'))}-"
    return Part(key, Form(tuple(replace(field, prefix=prefix) for field in fields)), title, at)


def answered(part: Part, data: QueryDict) -> Answered:
    """An empty answer is None. Conditions are taken as they stand, half-written too: a draft may hold what is open."""
    before = read(part.form, sent_by(part.form), as_typed=True).values
    has_condition = any(field.widget == "conditions" for field in part.form.fields)
    filled = read(part.form, data, as_typed=has_condition)
    names = [field.name for field in part.form.fields]
    changed = {name: filled.values.get(name) for name in names if filled.values.get(name) != before.get(name)}
    form = Form(filled.form.fields) if not has_condition else part.form
    return Answered(replace(part, form=form), changed)


# ── a step ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def when_part(node: Node) -> Part:
    help = _("Otherwise it is skipped, and its result is empty.")
    return part_of("when", (condition_field("when", node.when, label=_("Do this step only if"), help=help),))


def when_edits(node: Node, changed: Values) -> Iterator[Edit]:
    if "when" in changed:
        yield _change(node, "when", changed["when"])


HELPER = ("role", "person", "group", "due_hours")


def failing_part(node: Node, kind: type[Action] | None, helpers: Mapping[str, Sequence[Choice]]) -> Part:
    """Retries, time limit, and what happens when the step fails for good. `helpers`: the `people` and `groups`."""
    retry = node.retry
    ends = [Choice("stop", _("Stop the workflow")), Choice("continue", _("Go on without its result"))]
    if kind is None or kind.by_hand:
        ends.append(Choice("ask", _("Ask a person instead")))
    usual = _("The first try counts. When this is empty: %(count)s.") % {"count": Retry().attempts}
    doubled = _("The delay doubles from try to try.")
    limit = _("A try that takes longer counts as failed.")
    fields = (
        Field(
            "on_error",
            _("When it fails for good"),
            "choice",
            _hint(kind),
            required=True,
            choices=tuple(ends),
            default="stop",
        ),
        *_helper_fields(node, kind, helpers),
        Field("attempts", _("Tries at most"), "number", help=usual),
        Field("first_delay_s", _("Seconds before the second try"), "number", help=doubled),
        Field("timeout_s", _("Time limit in seconds"), "number", help=limit),
    )
    values = {
        "on_error": node.on_error,
        "attempts": retry.attempts if retry else None,
        "first_delay_s": retry.first_delay_s if retry else None,
        "timeout_s": node.timeout_s,
        **(node.helper.model_dump() if node.helper else {}),
    }
    part = part_of("failing", fields)
    return replace(part, form=part.form.with_values(values))


def failing_edits(node: Node, changed: Values) -> Iterator[Edit]:
    if {"attempts", "first_delay_s"} & set(changed):
        kept = node.retry.model_dump(exclude_unset=True) if node.retry else {}
        asked = {**kept, **{name: changed[name] for name in ("attempts", "first_delay_s") if name in changed}}
        yield _change(node, "retry", {name: value for name, value in asked.items() if value is not None} or None)
    for name in ("timeout_s", "on_error"):
        if name in changed:
            yield _change(node, name, changed[name])
    # The form asks for the helper only where a person is asked, so that what it does not say elsewhere means nothing.
    if changed.get("on_error", node.on_error) == "ask" and set(HELPER) & set(changed):
        kept = node.helper.model_dump(exclude_defaults=True) if node.helper else {}
        asked = {**kept, **{name: changed[name] for name in HELPER if name in changed}}
        yield _change(node, "helper", {name: value for name, value in asked.items() if value is not None} or None)


def _hint(kind: type[Action] | None) -> str:
    if kind is None or not kind.asks_model:
        return ""
    return _("A run that stops ends here when the AI does not answer. A person could carry on instead.")


def _helper_fields(node: Node, kind: type[Action] | None, helpers: Mapping[str, Sequence[Choice]]) -> Iterator[Field]:
    if kind is not None and not kind.by_hand and node.helper is None:
        return
    asks = ("on_error", ("ask",))
    manual = _("In manual mode they do this step as well.") if kind is not None and kind.asks_model else ""
    roles = tuple(Choice(role, _("Anyone with the role %(role)s") % {"role": Role(role).label}) for role in DECIDERS)
    people, groups = tuple(helpers.get("people", ())), tuple(helpers.get("groups", ()))
    starter = _("Whoever started the run")
    yield Field("role", _("Who carries on by hand"), "choice", manual, choices=roles, nothing=starter, shown_when=asks)
    nobody = _("Nobody in particular")
    yield Field("person", _("Or one person"), "choice", choices=people, nothing=nobody, shown_when=asks)
    yield Field("group", _("Or a group"), "choice", choices=groups, nothing=_("No group"), shown_when=asks)
    overdue = _("Then the task counts as overdue.")
    yield Field("due_hours", _("Hours to do it"), "number", overdue, shown_when=asks)


def _change(node: Node, name: str, value: Any) -> Edit:
    return {"do": "change", "step": node.id, "field": name, "value": value}


# ── the ways of a container ──────────────────────────────────────────────────────────────────────────────────────────


def way_parts(node: Node, captions: Mapping[str, str]) -> Iterator[Part]:
    """Title and condition of every case, title of every arm."""
    title = Field("title", _("Title"), "text", help=_("Stands above its steps. Without one, the condition does."))
    for index, case in enumerate(node.cases or ()):
        way = f"cases.{index}"
        when = replace(condition_field("when", case.when, label=_("Go this way if")), required=True)
        yield part_of(f"way:{way}", (replace(title, value=case.title), when), captions.get(way, ""), index)
    for index, arm in enumerate(node.arms or ()):
        way = f"arms.{index}"
        asked = replace(title, value=arm.title, help=_("Stands above its steps."))
        yield part_of(f"way:{way}", (asked,), captions.get(way, ""), index)


def way_edits(node: Node, way: str, changed: Values) -> Iterator[Edit]:
    wanted: Edit = {}
    if "title" in changed:
        wanted["title"] = changed["title"] or ""
    if "when" in changed:
        wanted["when"] = changed["when"] or {"all": []}
    if wanted:
        yield {"do": "change_way", "step": node.id, "way": way, **wanted}


# ── the workflow itself ──────────────────────────────────────────────────────────────────────────────────────────────


def about_part(definition: Definition) -> Part:
    help = _("One or two sentences for those who start it.")
    fields = (
        Field("name", _("Name of the workflow"), "text", required=True, value=definition.name),
        Field("description", _("What it is for"), "long_text", help=help, value=definition.description),
    )
    return part_of("about", fields)


def about_edits(changed: Values) -> Iterator[Edit]:
    if changed:
        yield {"do": "describe", **{name: value or "" for name, value in changed.items()}}


def input_part(name: str, asked: Input, at: int = 0) -> Part:
    """Everything that an input says of itself."""
    title = Field("title", _("Question"), "text", help=_("How the start form asks for it."))
    classes = _("What may be in it decides where it may go.")
    name_help = _("How steps refer to it: small letters, digits and _.")
    fields = (
        title,
        Field("type", _("Kind of answer"), "choice", required=True, choices=input_types(), default="text"),
        *([Field("choices", _("Choices"), "list")] if asked.type == "choice" else ()),
        Field("help", _("Help"), "text", help=_("One line under the field.")),
        Field("required", _("An answer is needed"), "switch"),
        *([_default_field(asked)] if asked.type != "file" else ()),
        Field(
            "class", _("Data class"), "choice", required=True, choices=data_classes(), help=classes, default="internal"
        ),
        Field("name", _("Name in the data"), "text", required=True, help=name_help),
    )
    part = part_of(f"input:{name}", fields, asked.title or named(name), at)
    values = {**asked.model_dump(mode="json", by_alias=True), "name": name}
    return replace(part, form=part.form.with_values(values))


def _default_field(asked: Input) -> Field:
    widget = {"boolean": "switch"}.get(asked.type, asked.type)
    choices = tuple(Choice(value, value) for value in asked.choices)
    label = _("On from the beginning") if widget == "switch" else _("Filled in from the beginning")
    return Field("default", label, widget, choices=choices)


def input_edits(name: str, asked: Input, changed: Values) -> Iterator[Edit]:
    """Its name last, so that the other edits still find it."""
    wanted = {key: value for key, value in changed.items() if key != "name"}
    if wanted:
        said = {**asked.model_dump(mode="json", by_alias=True, exclude_defaults=True), **wanted}
        if wanted.get("type", asked.type) != asked.type:
            # What was filled in for the old kind of answer says nothing to the new one.
            said = {**said, "default": None, "choices": None}
        yield {
            "do": "set_input",
            "name": name,
            "value": {key: value for key, value in said.items() if value is not None},
        }
    if changed.get("name"):
        yield {"do": "rename_input", "name": name, "to": changed["name"]}


def input_types() -> tuple[Choice, ...]:
    return (
        Choice("text", _("A line of text")),
        Choice("long_text", _("A long text")),
        Choice("number", _("A number")),
        Choice("boolean", _("Yes or no")),
        Choice("date", _("A date")),
        Choice("choice", _("One of several choices")),
        Choice("list", _("A list, one per line")),
        Choice("file", _("A file")),
    )


def data_classes() -> tuple[Choice, ...]:
    return (
        Choice("public", _("Public")),
        Choice("internal", _("Internal")),
        Choice("confidential", _("Confidential")),
        Choice("personal", _("Personal data")),
        Choice("privileged", _("Privileged")),
    )


def result_part(name: str, value: Any, at: int = 0) -> Part:
    help = _("Usually the result of a step.")
    fields = (
        text_field("value", value, label=_("What it gives"), help=help, long=True),
        Field("name", _("Name"), "text", required=True, help=_("Small letters, digits and _."), value=name),
    )
    return part_of(f"result:{name}", fields, named(name), at)


def result_edits(name: str, changed: Values) -> Iterator[Edit]:
    if "value" in changed:
        yield {"do": "set_result", "name": name, "value": changed["value"] or ""}
    if changed.get("name"):
        yield {"do": "rename_result", "name": name, "to": changed["name"]}
