"""The facts of a record in lines of text, as its PDF writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from workflows.models import StepRun, StepStatus
from workflows.pages.record_words import asked_words, exact, outcome, why_words
from workflows.pages.showing import is_file, money, named
from workflows.services.records import InnerRun, RecordedQuestion


def spoken(value: Any, indent: str = "") -> list[str]:
    """A value of a run in lines of text."""
    if isinstance(value, str):
        return [indent + line for line in value.split("\n")]
    if isinstance(value, bool) or value is None:
        return [indent + (_("nothing") if value is None else _("yes") if value else _("no"))]
    if is_file(value):
        return [f"{indent}{value['name']} ({value.get('size') or 0:,} bytes, SHA-256 {value.get('sha256', '')})"]
    if isinstance(value, Mapping):
        return [line for name, each in value.items() for line in _labelled(named(str(name)), each, indent)]
    if isinstance(value, list):
        return [line for place, each in enumerate(value, 1) for line in _labelled(str(place), each, indent)]
    return [f"{indent}{value:,}" if isinstance(value, int) else f"{indent}{value}"]


def _labelled(label: str, value: Any, indent: str) -> list[str]:
    lines = spoken(value, f"{indent}   ")
    return [f"{indent}{label}: {lines[0].strip()}"] if len(lines) == 1 else [f"{indent}{label}:", *lines]


def question_facts(asked: RecordedQuestion) -> Iterator[tuple[str, str]]:
    yield _("outcome"), outcome(asked)
    if asked.decided_at:
        yield _("decided"), exact(asked.decided_at)
    yield _("step"), f"{asked.title} ({asked.step})"
    yield _("asked"), "\n".join(asked_words(one) for one in asked.asked) or exact(asked.asked_at)
    if asked.due_at:
        yield _("due"), exact(asked.due_at)
    if asked.positions:
        yield _("in the ledger"), "\n".join(asked.positions)
    if asked.opened:
        yield _("opened by"), "\n".join(f"{look.by}, {exact(look.at)}" for look in asked.opened)
    if said := why_words(asked):
        yield _("why a person did it"), said


def step_facts(step: StepRun) -> Iterator[tuple[str, str]]:
    yield _("status"), str(StepStatus(step.status).label)
    yield _("place"), f"{step.path} ({step.kind})"
    yield _("time"), f"{exact(step.started_at)} \N{EN DASH} {exact(step.finished_at)}"
    if step.made_by:
        yield _("made by hand by"), step.made_by
    if step.summary:
        yield _("in short"), step.summary
    if step.error:
        yield _("error"), str(step.error.get("message", ""))
    if step.tokens:
        yield (
            _("cost"),
            _("%(money)s, %(tokens)s tokens") % {"money": money(step.cost_usd), "tokens": f"{step.tokens:,}"},
        )


def call_words(call: Mapping[str, Any]) -> Iterator[str]:
    """All that is known of a call beside what was asked and answered."""
    for name, each in call.items():
        if name not in ("prompt", "answer", "partial", "kind") and each not in (None, "", {}, [], False):
            yield f"{named(name)}: {each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)}"


def inner_words(each: InnerRun) -> str:
    item = _("Item %(number)s") % {"number": each.item + 1} if each.item is not None else each.step
    said = [item, each.title, str(each.status.label), money(each.cost_usd), exact(each.finished_at), each.id]
    if each.decided_by:
        said.append(_("decided by %(who)s") % {"who": ", ".join(each.decided_by)})
    if each.by_hand:
        said.append(_("%(count)s steps by hand") % {"count": each.by_hand})
    return " · ".join(part for part in said if part)
