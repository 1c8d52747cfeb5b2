"""The panel beside the column: one step, what the workflow asks for, or what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from workflows.engine.definition import Definition, Node
from workflows.models import Workflow
from workflows.pages import build_forms, build_tests, saved_bar
from workflows.pages.build import settings
from workflows.pages.build.draft import drafted, found_problems, node_or_404, numbered, to_build
from workflows.pages.build.items import item_edits, item_part
from workflows.pages.build.page import made
from workflows.pages.build.settings import Edit, Part, Values
from workflows.pages.build.tools import tool_edits, tool_parts
from workflows.pages.build_data import around
from workflows.pages.build_sources import Asking, helpers_for
from workflows.pages.cards import Names, card_of
from workflows.pages.page import Request, page
from workflows.runtime.kinds import kinds


@page
@require_GET
def step(request: Request, pk: UUID, step: str) -> HttpResponse:
    """The panel of one step."""
    shown = to_build(request, pk)
    definition = drafted(shown)
    return render(
        request, "workflows/build/_panel.html", _step_context(request, shown, definition, node_or_404(definition, step))
    )


@page
@require_POST
def step_settings(request: Request, pk: UUID, step: str) -> HttpResponse:
    """What was changed in one of the panel's own forms of a step; `part` names the form."""
    shown = to_build(request, pk)
    definition = drafted(shown)
    node = node_or_404(definition, step)
    item = item_part(node, kinds().get(node.kind))
    parts = [settings.when_part(node), _failing(shown, definition, node), *_ways(node, {})]
    parts += [item] if item else []
    return _answered(request, shown, parts, node)


def _failing(shown: Workflow, definition: Definition, node: Node) -> Part:
    return settings.failing_part(node, kinds().get(node.kind), helpers_for(Asking(shown, definition, node)))


def _step_context(request: Request, shown: Workflow, definition: Definition, node: Node) -> dict[str, Any]:
    card = card_of(node, Names(definition))
    captions = {arm.name: arm.caption for arm in card.arms}
    return {
        "workflow": shown,
        "definition": definition,
        "node": node,
        "kind": kinds().get(node.kind),
        "card": card,
        "number": numbered(definition, node.id),
        "when": settings.when_part(node),
        "failing": _failing(shown, definition, node),
        **_item_context(shown, definition, node),
        "ways": list(_ways(node, captions)),
        "adds_otherwise": node.cases is not None and node.otherwise is None,
        "adds_rescue": node.kind == "flow.attempt" and node.rescue is None,
        "problems": _problems(shown, definition, f"step:{node.id}"),
        **build_forms.context(request, shown, definition, node),
        **build_tests.context(request, shown, definition, node),
        **saved_bar.step_context(request, shown, definition, node),
    }


def _ways(node: Node, captions: Mapping[str, str]) -> Iterable[Part]:
    return tool_parts(node, captions) if _has_tools(node) else settings.way_parts(node, captions)


def _has_tools(node: Node) -> bool:
    kind = kinds().get(node.kind)
    return kind is not None and kind.arms_are_tools


def _item_context(shown: Workflow, definition: Definition, node: Node) -> dict[str, Any]:
    """What one item gives is said with what a step at the end of the content would see."""
    item = item_part(node, kinds().get(node.kind))
    return {"item": item, "item_around": around(shown, definition, node.id, inside=True)} if item else {}


@page
@require_http_methods(["GET", "POST"])
def start(request: Request, pk: UUID) -> HttpResponse:
    """What the workflow is called, what it is for, and what it asks for."""
    shown = to_build(request, pk)
    definition = drafted(shown)
    about = settings.about_part(definition)
    inputs = [settings.input_part(name, asked, at) for at, (name, asked) in enumerate(definition.inputs.items())]
    if request.method == "POST":
        return _answered(request, shown, [about, *inputs], definition)
    problems = _problems(shown, definition, "start")
    context = {"workflow": shown, "about": about, "inputs": inputs, "problems": problems}
    return render(request, "workflows/build/_start_panel.html", context)


@page
@require_http_methods(["GET", "POST"])
def result(request: Request, pk: UUID) -> HttpResponse:
    """What the workflow gives at its end."""
    shown = to_build(request, pk)
    definition = drafted(shown)
    results = [settings.result_part(name, value, at) for at, (name, value) in enumerate(definition.output.items())]
    if request.method == "POST":
        return _answered(request, shown, results, definition)
    context = {
        "workflow": shown,
        "results": results,
        "around": around(shown, definition, ""),
        "problems": _problems(shown, definition, "result"),
    }
    return render(request, "workflows/build/_result_panel.html", context)


def _problems(shown: Workflow, definition: Definition, panel: str) -> list[Any]:
    return [each for each in found_problems(shown, definition) if each.panel == panel]


def _answered(request: Request, shown: Workflow, parts: Iterable[Part], of: Node | Definition) -> HttpResponse:
    """The edits of what was changed; a form that cannot be read comes back as it was typed (422).

    Raises Http404 for a form that is not, or no longer, there.
    """
    part = next((each for each in parts if each.key == request.POST.get("part")), None)
    if part is None:
        raise Http404
    answered = settings.answered(part, request.POST)
    if not answered.part.form.is_good:
        context = {"workflow": shown, "part": answered.part}
        return render(request, "workflows/build/_part.html", context, status=422)
    return made(request, shown, list(_edits(part, of, answered.changed)))


def _edits(part: Part, of: Node | Definition, changed: Values) -> Iterable[Edit]:
    what = part.key.partition(":")[0]
    if isinstance(of, Node):
        if what == "way":
            edits = tool_edits if _has_tools(of) else settings.way_edits
            return edits(of, part.name, changed)
        of_step = {"when": settings.when_edits, "item": item_edits, "failing": settings.failing_edits}
        return of_step[what](of, changed)
    if what == "about":
        return settings.about_edits(changed)
    if what == "input":
        return settings.input_edits(part.name, of.inputs[part.name], changed)
    return settings.result_edits(part.name, changed)
