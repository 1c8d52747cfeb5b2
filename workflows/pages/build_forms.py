"""The form of a step on the build page: its fields with what the draft says, and what a change of them does.

The form saves itself (static/forms.js): each change is one small POST naming the fields that were touched, answered
with what is wrong at each field and the event `draft-changed`, which tells the page that its column is out of date.
Nothing typed is refused unless it cannot be stored at all: a draft may hold what is not right yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from pydantic import ValidationError as NotValid

from connectors.forms import Field, Form, Wrong, form_for_model, problems_of, read, sent_by
from workflows.engine import params
from workflows.engine.definition import Definition, Node
from workflows.engine.problems import problems
from workflows.engine.sight import at_its_end
from workflows.models import Workflow
from workflows.pages import build_sources
from workflows.pages.build.draft import drafted, node_of, to_build
from workflows.pages.build_data import INSIDE, LONGEST_PREVIEW, around, brief, offered, rendered
from workflows.pages.cards import title_of
from workflows.pages.page import Request, page, whole_number, words
from workflows.runtime.kinds import kinds
from workflows.services import drafting, samples
from workflows.services.drafting import StaleDraft
from workflows.services.files import reference, store_file
from workflows.services.refusals import ValidationError

PREFIX = "with-"
"""Keeps the names of parameters apart from the names of our own fields."""
FIELD = "with."
"""Begins the name of a parameter in problems and edits."""


@dataclass(frozen=True, slots=True)
class Clash:
    """What somebody else has put into a field meanwhile. `revision` is the one to save mine on, if mine shall stay."""

    by: str
    theirs: str
    revision: int


def context(request: Request, workflow: Workflow, definition: Definition, node: Node) -> dict[str, Any]:
    """What templates/workflows/build/_form.html shows; `around` also serves the other fields of the panel."""
    form = with_problems(form_of(workflow, definition, node), definition, node, seen=frozenset())
    return {
        "workflow": workflow,
        "node": node,
        "step_title": title_of(node),
        "step_form": with_previews(form, samples.scope_for(workflow, definition, node.id)),
        "around": around(workflow, definition, node.id),
    }


def form_of(workflow: Workflow, definition: Definition, node: Node) -> Form:
    """The parameters of the step as they are drafted; no fields for a kind that is not installed."""
    kind = kinds().get(node.kind)
    if kind is None:
        return Form(())
    sources = build_sources.sources_for(build_sources.Asking(workflow, definition, node), kind.Params)
    return form_for_model(kind.Params, node.given, prefix=PREFIX, takes_data=True, sources=sources)


# ── what is wrong ────────────────────────────────────────────────────────────────────────────────────────────────────


def with_problems(form: Form, definition: Definition, node: Node, *, seen: frozenset[str]) -> Form:
    """The form with what is wrong at each field. What is missing is said only of fields that somebody has `seen`.

    The rules of the kind's model are told in plainer words than the problems of the whole workflow have for them.
    What belongs to no field stands on top of the panel (static/build/problems.js).
    """
    wrong = _by_the_model(node)
    found = {each.place: each.sentence for each in wrong if not each.is_missing or each.place.partition(".")[0] in seen}
    places = [each.place for each in wrong]
    for problem in problems(definition, kinds()):
        place = problem.field.removeprefix(FIELD)
        if problem.step == node.id and place != problem.field and not _is_below(place, places):
            found.setdefault(place, problem.message)
    names = {asked.name for asked in form.fields}
    return form.with_errors({place: said for place, said in found.items() if place.partition(".")[0] in names})


def _by_the_model(node: Node) -> list[Wrong]:
    """A text with data in it is not judged: only the run knows its value."""
    try:
        kinds()[node.kind].Params.model_validate(node.given)
    except KeyError:
        return []
    except NotValid as refused:
        return [each for each in problems_of(refused) if not _is_open(node.given, each.place)]
    return []


def _is_below(place: str, places: Iterable[str]) -> bool:
    return any(place == known or place.startswith(f"{known}.") for known in places)


def _is_open(given: Any, place: str) -> bool:
    """Whether a reference stands at the place or around it, so that only the run knows its value."""
    value = given
    for part in place.split("."):
        if isinstance(value, str):
            break
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            continue
    return isinstance(value, str) and params.is_template(value)


def with_previews(form: Form, scope: Mapping[str, Any]) -> Form:
    """The form with what each text becomes below it."""
    return replace(form, fields=tuple(_previewed(asked, scope) for asked in form.fields))


def _previewed(asked: Field, scope: Mapping[str, Any]) -> Field:
    rows = tuple(
        replace(
            row,
            fields=tuple(_previewed(part, scope) for part in row.fields),
            group=_previewed(row.group, scope) if row.group else None,
        )
        for row in asked.rows
    )
    parts = tuple(_previewed(part, scope) for part in asked.parts) if asked.widget == "group" else asked.parts
    return replace(asked, rows=rows, parts=parts, preview=rendered(asked.value, scope))


# ── routes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@page
@require_http_methods(["GET", "POST"])
def form(request: Request, pk: UUID, step: str) -> HttpResponse:
    """GET: the form by itself, a whole page for a browser that runs no scripts. POST: save what was touched."""
    shown = to_build(request, pk)
    definition = drafted(shown)
    node = _node(definition, step)
    if request.method == "GET":
        template = "workflows/build/_form.html" if request.htmx else "workflows/build/form.html"
        return render(request, template, context(request, shown, definition, node))
    return _saved(request, shown, definition, node)


@page
@require_GET
def data(request: Request, pk: UUID, step: str = "") -> HttpResponse:
    """The data picker; `q` narrows it, `list` asks for the list alone."""
    shown = to_build(request, pk)
    definition = drafted(shown)
    asked = _asked(_node(definition, step), words(request, "field")) if step else None
    definition, step = _place(request, definition, step)
    wanted = words(request, "q")
    found = offered(shown, definition, step, wanted, files_first=asked is not None and asked.widget == "file")
    template = "workflows/build/_data_list.html" if "list" in request.GET else "workflows/build/_data.html"
    return render(request, template, {"groups": found, "q": wanted})


def _asked(node: Node, key: str) -> Field | None:
    """The parameter that the browser is about to insert something into."""
    kind = kinds().get(node.kind)
    fields = form_for_model(kind.Params, prefix=PREFIX).fields if kind else ()
    return next((asked for asked in fields if asked.key == key), None)


@page
@require_POST
def preview(request: Request, pk: UUID, step: str = "") -> HttpResponse:
    """What the `text` becomes with sample values."""
    shown = to_build(request, pk)
    definition = drafted(shown)
    if step:
        _node(definition, step)
    definition, step = _place(request, definition, step)
    text = request.POST.get("text", "")[:100_000]
    return render(
        request,
        "forms/_preview.html",
        {"preview": rendered(text, samples.scope_for(shown, definition, step))},
    )


def _place(request: Request, definition: Definition, step: str) -> tuple[Definition, str]:
    """What the fields of this step see, or those of what it gives for each item."""
    return at_its_end(definition, step) if step and INSIDE in request.GET else (definition, step)


def _node(definition: Definition, step: str) -> Node:
    node = node_of(definition, step)
    if node is None:
        raise Http404
    return node


# ── saving ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _saved(request: Request, shown: Workflow, definition: Definition, node: Node) -> HttpResponse:
    """Make an edit of every touched field whose value is another one than before."""
    before = form_of(shown, definition, node)
    sent = read(before, request.POST, request.FILES, as_typed=True)
    touched = _touched(request, before)
    was = read(before, sent_by(before), as_typed=True).values
    revision = _revision(request, shown)
    outcome = Outcome(shown, sent.form, revision, others=_others_were_here(request, shown, revision))
    for asked in sent.form.fields:
        value = _stored(request, shown, sent.values.get(asked.name))
        if asked.name in touched and value != was.get(asked.name) and not (value is None and _is_unstorable(asked)):
            edit = {"do": "change", "step": node.id, "field": f"{FIELD}{asked.name}", "value": value}
            outcome = _made(request, outcome, edit, asked.name)
    return _answer(request, outcome, node.id, touched)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the fields so far. `revision` is the one that the form showed; `others`: somebody else
    has changed the draft since then."""

    workflow: Workflow
    form: Form
    revision: int
    clashes: Mapping[str, Clash] = field(default_factory=dict)
    others: bool = False
    definition: Definition | None = None


def _made(request: Request, outcome: Outcome, edit: dict[str, Any], name: str) -> Outcome:
    # Every field is saved on the revision that was seen: a newer one would hide what others did to the next field.
    try:
        done = drafting.edit_draft(outcome.workflow, edit, actor=request.actor, revision=outcome.revision)
    except StaleDraft as stale:
        return replace(outcome, clashes={**outcome.clashes, name: _clash(outcome.workflow, edit["step"], name, stale)})
    except ValidationError as refused:
        return replace(outcome, form=outcome.form.with_errors({name: " ".join(refused.messages)}))
    return replace(outcome, workflow=done.workflow, definition=done.definition)


def _touched(request: Request, before: Form) -> set[str]:
    """Names of the fields that were changed in the browser; all of them for one that runs no scripts."""
    if "touched" not in request.POST:
        return {asked.name for asked in before.fields}
    return {key.removeprefix(PREFIX) for key in request.POST.getlist("touched")}


def _others_were_here(request: Request, shown: Workflow, revision: int) -> bool:
    if revision == shown.draft_revision:
        return False
    return drafting.history(shown).filter(revision__gt=revision).exclude(by_id=request.actor.id).exists()


def _revision(request: Request, shown: Workflow) -> int:
    number = whole_number(request.POST.get("revision", ""))
    return shown.draft_revision if number is None else number


def _stored(request: Request, shown: Workflow, value: Any) -> Any:
    """An upload becomes a file of the department."""
    if isinstance(value, UploadedFile):
        kept = store_file(shown.department, name=value.name or "file", content=value.read(), actor=request.actor)
        return reference(kept).model_dump()
    return value


def _is_unstorable(asked: Field) -> bool:
    """Whether something stands there that no database takes; it stays in the browser, with its error."""
    return bool(asked.error and str(asked.value).strip())


def _clash(workflow: Workflow, step: str, name: str, stale: StaleDraft) -> Clash:
    workflow.refresh_from_db()
    present = node_of(drafted(workflow), step)
    theirs = present.given.get(name) if present else None
    by = next((edit.by for edit in stale.theirs), "")
    return Clash(by=by, theirs=brief(theirs, LONGEST_PREVIEW), revision=workflow.draft_revision)


def _answer(request: Request, outcome: Outcome, step: str, touched: set[str]) -> HttpResponse:
    """What is wrong at each field, out of band, and the new revision for the whole page."""
    if not request.htmx:
        return redirect(request.headers.get("Referer") or "/")
    seen = {key.removeprefix(PREFIX) for key in request.POST.getlist("seen")}
    definition = outcome.definition or drafted(outcome.workflow)
    node = node_of(definition, step)
    form = with_problems(outcome.form, definition, node, seen=frozenset(seen | touched)) if node else outcome.form
    fields = [replace(asked, clash=outcome.clashes.get(asked.name)) for asked in form.fields]
    places = [inner for asked in fields for inner in asked.walk()]
    status = 409 if outcome.clashes else 200
    answer = render(request, "workflows/build/_form_said.html", {"fields": places}, status=status)
    if outcome.workflow.draft_revision != outcome.revision and not outcome.clashes:
        told = {"revision": outcome.workflow.draft_revision, "step": step, "others": outcome.others}
        answer["HX-Trigger"] = json.dumps({"draft-changed": told})
    return answer
