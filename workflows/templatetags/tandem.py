"""Template tags of the pages: icons, times, pills."""

from __future__ import annotations

from datetime import datetime
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
