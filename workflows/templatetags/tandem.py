"""Template tags of the pages: icons, times, pills."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.contrib.staticfiles import finders
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from audit import sentences
from audit.models import Entry
from departments.models import Role
from workflows.engine.odd_names import oddities
from workflows.models import BudgetQuestion, RunStatus, Task
from workflows.pages import question, record_words, showing
from workflows.services import budget_questions
from workflows.services.records import AskedOne, RecordedQuestion, Voice

register = template.Library()

EMPTY_ICON = '<svg class="icon {}" viewBox="0 0 24 24" aria-hidden="true"></svg>'


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """A Tabler icon drawn into the page, in the colour of its text and hidden from screen readers."""
    drawing = _drawing(name)
    if not drawing:
        return format_html(EMPTY_ICON, extra)
    return format_html(
        '<svg class="icon {}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-linecap="round" '
        'stroke-linejoin="round" aria-hidden="true" focusable="false">{}</svg>',
        extra,
        mark_safe(drawing),  # our own file, collected from the icon package
    )


@lru_cache(maxsize=512)
def _drawing(name: str) -> str:
    """The inside of the icon's file, or nothing where it was not collected."""
    found = finders.find(f"vendor/icons/{name}.svg")
    if not found:
        return ""
    text = Path(found).read_text(encoding="utf-8")
    inside = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    return "".join(line.strip() for line in inside.splitlines() if 'fill="none" />' not in line)


@register.simple_tag
def ago(moment: datetime | None, empty: str = "\N{EN DASH}") -> SafeString | str:
    """A relative time with the exact one on hover; tandem.js writes the hover text in the reader's own zone."""
    if moment is None:
        return empty
    local = timezone.localtime(moment)
    exact = f"{date_format(local, 'DATETIME_FORMAT')} {local.tzname()}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="seconds"), exact, naturaltime(moment)
    )


@register.inclusion_tag("parts/_pill.html")
def pill(status: Any, label: str = "") -> dict[str, Any]:
    """A status as a coloured word; `status` is a member of one of the choices in models/states.py."""
    return {"tone": getattr(status, "tone", "plain"), "label": label or getattr(status, "label", status)}


@register.inclusion_tag("parts/_odd_name.html")
def odd_name(name: Any) -> dict[str, Any]:
    """A mark beside a name that may deceive its reader, with what is odd about it; nothing for other names."""
    return {"oddities": oddities(str(name))}


@register.filter
def shown(value: Any) -> SafeString:
    """A value of a run as HTML: Markdown, table, file link, plain text."""
    return showing.shown(value)


@register.filter
def prose(text: str) -> SafeString:
    return showing.markdown(text or "")


@register.filter
def took(time: timedelta | None) -> str:
    return showing.took(time)


@register.filter
def money(cost_usd: Any) -> str:
    return showing.money(cost_usd)


@register.filter
def named(name: str) -> str:
    return showing.named(str(name))


@register.filter
def of(mapping: Mapping[Any, Any], key: Any) -> Any:
    """The value under a key that the template holds in a variable."""
    return mapping.get(key)


@register.filter
def as_json(value: Any) -> str:
    """Data for an attribute that a script reads; escaped like every other text."""
    return json.dumps(value, ensure_ascii=False)


@register.filter
def run_status(value: str) -> RunStatus:
    return RunStatus(value)


@register.filter
def role_title(role: str) -> str:
    return str(Role(role).label) if role in Role.values else role


@register.filter
def asked_of(asked: BudgetQuestion) -> str:
    return budget_questions.asked_of(asked)


@register.filter
def decided_words(task: Task) -> str:
    """Who decided what."""
    return question.decided_words(task)


@register.filter
def decided_tone(task: Task) -> str:
    return question.decided_tone(task)


@register.filter
def decision_word(decision: str) -> str:
    return question.decision_word(decision)


@register.simple_tag
def exact(moment: datetime | None) -> SafeString | str:
    """A moment to the second, with its zone, where it is evidence."""
    if moment is None:
        return "\N{EN DASH}"
    written = timezone.localtime(moment).isoformat(timespec="seconds")
    return format_html('<time datetime="{}">{}</time>', written, record_words.exact(moment))


@register.filter
def outcome_words(asked: RecordedQuestion) -> str:
    return record_words.outcome(asked)


@register.filter
def why_words(asked: RecordedQuestion) -> str:
    return record_words.why_words(asked)


@register.filter
def drafted_words(asked: RecordedQuestion) -> str:
    return record_words.drafted_words(asked)


@register.filter
def asked_words(one: AskedOne) -> str:
    return record_words.asked_words(one)


@register.filter
def voice_heading(voice: Voice) -> str:
    return record_words.voice_heading(voice)


@register.filter
def voice_facts(voice: Voice) -> list[tuple[str, str]]:
    return record_words.voice_facts(voice)


@register.filter
def deed_words(entry: Entry) -> str:
    return record_words.deed_words(entry)


@register.filter
def sentence(entry: Entry) -> str:
    """A line of the ledger in words."""
    return sentences.sentence(entry)


@register.inclusion_tag("parts/_due.html")
def due(moment: datetime) -> dict[str, Any]:
    """A deadline as a pill: red once it has passed, amber within a day."""
    left = moment - timezone.now()
    tone = "bad" if left < timedelta(0) else "wait" if left < timedelta(days=1) else "plain"
    return {"moment": moment, "tone": tone}


@register.simple_tag
def bar_top(share: float) -> str:
    """Where a column of this height (of 100) begins, from above."""
    return f"{100 - share:.1f}"


@register.filter
def plain(number: Decimal) -> str:
    """Without the zeros at its end: 0.2500 → 0.25."""
    return f"{number.normalize():f}"
