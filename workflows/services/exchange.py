"""A workflow as one readable file: written without secrets, read without trust."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.translation import gettext as _

from audit.services import record
from departments.access import Actor, Verb, require
from departments.models import Department
from workflows.engine import definition as definitions
from workflows.engine import params, readable, secrets, strict
from workflows.engine.definition import BadDefinition, Definition, Node
from workflows.engine.problems import Problem
from workflows.models import Workflow
from workflows.runtime.kinds import kinds
from workflows.services import library
from workflows.services.kind_walls import require_own_kinds
from workflows.services.named import missing_here
from workflows.services.naming import clean_name
from workflows.services.refusals import ValidationError
from workflows.services.templates import free_name
from workflows.services.workflows import create_workflow, draft_problems

SAMPLE = "sample"
"""Beside the definition's own names: values that fill the start form."""
HEAD = "# A workflow from Tandem: to read, to change and to import (Workflows, New workflow, From a file).\n"


@dataclass(frozen=True, slots=True)
class Exported:
    """The file. `left_out` are the places where a secret stood."""

    text: str
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file would make here. `missing` are sentences on what this server or department lacks for it."""

    definition: Mapping[str, Any]
    sample: Mapping[str, Any]
    name: str
    is_name_taken: bool
    problems: tuple[Problem, ...]
    missing: tuple[str, ...]


def export_workflow(definition: Definition, sample: Mapping[str, Any] | None = None) -> Exported:
    """Steps copied from the library are in it in full; models and connections stand there by name only."""
    clean, left_out = secrets.without_secrets(definition)
    raw = definitions.dump(clean)
    found: list[str] = []
    if kept := _plain(definition, sample or {}):
        raw[SAMPLE] = secrets.cleaned(kept, (SAMPLE,), found)
    return Exported(HEAD + readable.dumps(raw), (*left_out, *found))


def examine(text: str | bytes, department: Department, *, actor: Actor) -> Examined:
    """Read a file and say what is wrong with it and what it lacks here. Nothing is stored.

    Raises PermissionDenied, and ValidationError where the file is no workflow at all.
    """
    require(actor, Verb.EDIT, department)
    definition, sample = _read(text)
    known = library.known_marks(department, definitions.dump(definition))
    loaded = definitions.load(known.definition)
    require_own_kinds(loaded, department)
    name = free_name(department, loaded.name)
    found = draft_problems(Workflow(department=department, draft=dict(known.definition), name=name, slug=""))
    lacking = missing_here(department, loaded)
    return Examined(
        known.definition,
        sample,
        name,
        is_name_taken=name != clean_name(loaded.name),
        problems=tuple(problem for problem in found if problem.field != "kind" and problem not in lacking),
        missing=tuple(dict.fromkeys([*_missing(loaded, department), *map(_unknown_mark, known.removed)])),
    )


def import_workflow(text: str | bytes, department: Department, *, actor: Actor, name: str = "") -> Workflow:
    """A new workflow with its draft; problems may be left in it, but nothing of a file that is no workflow is made.

    Without a name the file's own is taken, numbered where it is taken. Raises ValidationError, PermissionDenied, and
    Conflict when the given name is taken.
    """
    examined = examine(text, department, actor=actor)
    with transaction.atomic():
        workflow = create_workflow(
            department,
            name=name.strip() or examined.name,
            definition=examined.definition,
            actor=actor,
            sample=examined.sample,
        )
        record("workflow.imported", actor=actor, department=department.slug, thing=workflow)
    return workflow


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(text: str | bytes) -> tuple[Definition, Mapping[str, Any]]:
    try:
        raw = definitions.values_of(text)
        sample = raw.pop(SAMPLE, None) if isinstance(raw, dict) else None
        definition = definitions.load(raw)
        strict.check(sample, SAMPLE)
    except strict.NotStrict as error:
        raise ValidationError([str(error)]) from None
    except BadDefinition as error:
        raise ValidationError([f"{place}: {why}" if place else why for place, why in error.problems.items()]) from None
    if sample is not None and not isinstance(sample, dict):
        raise ValidationError([_("sample: write one value for each input, by its name.")])
    return definition, _plain(definition, sample or {})


def _plain(definition: Definition, sample: Mapping[str, Any]) -> dict[str, Any]:
    """Values of inputs that the workflow has; a file stays where it is stored."""
    asked = {name for name, each in definition.inputs.items() if each.type != "file"}
    return {name: value for name, value in sample.items() if name in asked}


# ── what is missing here ─────────────────────────────────────────────────────────────────────────────────────────────


def _missing(definition: Definition, department: Department) -> Iterator[str]:
    yield from _missing_kinds(definition)
    yield from (problem.message for problem in missing_here(department, definition))
    yield from _missing_workflows(definition, department)
    yield from _missing_hosts(definition, department)


def _missing_kinds(definition: Definition) -> Iterator[str]:
    for node in definition.nodes():
        if node.kind not in kinds():
            yield _("This server has no step kind “%(kind)s”, which “%(step)s” needs.") % {
                "kind": node.kind,
                "step": node.title or node.id,
            }


def _missing_workflows(definition: Definition, department: Department) -> Iterator[str]:
    asked = {called for node in definition.nodes() if (called := _written(node, "workflow", "flow.workflow"))}
    rows = Workflow.objects.filter(department=department, slug__in=asked, live__isnull=False, archived_at=None)
    for called in sorted(asked - {*rows.values_list("slug", flat=True)}):
        yield _("%(department)s has no published workflow “%(name)s”, which this one calls.") % {
            "department": department.name,
            "name": called,
        }


def _missing_hosts(definition: Definition, department: Department) -> Iterator[str]:
    """By name only; the door itself decides when a run comes to it (connectors/net)."""
    for host in sorted({_host(node) for node in definition.nodes()} - {""}):
        if not any(_covers(entry, host) for entry in department.egress_hosts):
            yield _("The workflows of %(department)s may not reach “%(host)s”. An administrator can allow it.") % {
                "department": department.name,
                "host": host,
            }


def _host(node: Node) -> str:
    try:
        return urlsplit(_written(node, "url")).hostname or ""
    except ValueError:
        return ""


def _covers(entry: str, host: str) -> bool:
    listed = entry.removeprefix("private:").rpartition("://")[2].partition(":")[0].lower()
    return host.endswith(listed[1:]) if listed.startswith("*.") else host == listed


def _written(node: Node, name: str, kind: str = "") -> str:
    """A parameter that is a plain word; nothing where a reference stands, which only the run knows."""
    value = node.given.get(name, "")
    is_plain = isinstance(value, str) and not params.is_template(value) and (not kind or node.kind == kind)
    return value.strip() if is_plain else ""


def _unknown_mark(mark: str) -> str:
    slug, _at, number = mark.partition("@")
    said = _("The library has no version %(number)s of “%(slug)s”. Its copy comes along, as a step of its own.")
    return said % {"number": number, "slug": slug}
