"""Values of a run as a person reads them: Markdown through an allow-list, tables, files as links.

What an AI or another system wrote is text and nothing else: it is escaped, or it is Markdown without HTML, images and
script addresses, cleaned once more afterwards (rule S11).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import nh3
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from markdown_it import MarkdownIt
from markdown_it.token import Token

from workflows.engine.odd_names import oddities

MOST_CHARACTERS = 100_000
LONG_CHARACTERS = 2_000
MOST_ROWS = 200
MOST_COLUMNS = 12
DEEPEST = 4

TAGS = {
    *("p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"),
    *("h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
WIDE_TABLE = '<div class="td-wide" tabindex="0"><table>'
LOOKS_LIKE_MARKDOWN = re.compile(r"(^|\n)(#{1,6} |[-*] |\d+\. |> |\|.+\||```)|\*\*\S|\]\(")

_markdown = (
    MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"]).disable("image")
)


def markdown(text: str) -> SafeString:
    """Markdown as clean HTML. Headings begin at h3 and never skip a level, so that the page keeps its outline."""
    tokens = _markdown.parse(text[:MOST_CHARACTERS])
    _set_headings(tokens)
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    clean = nh3.clean(
        html, tags=TAGS, attributes=ATTRIBUTES, url_schemes={"http", "https", "mailto"}, link_rel="noopener noreferrer"
    )
    tables = clean.replace("<table>", WIDE_TABLE).replace("</table>", "</table></div>")
    return format_html('<div class="td-prose">{}</div>{}', mark_safe(tables), _rest(text))  # cleaned above


def _set_headings(tokens: Sequence[Token]) -> None:
    opened = [token for token in tokens if token.type == "heading_open"]
    highest = min((int(token.tag[1]) for token in opened), default=1)
    level = 2
    for token in tokens:
        if token.type == "heading_open":
            level = min(level + 1, 3 + int(token.tag[1]) - highest, 6)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{level}"


def _rest(text: str) -> SafeString | str:
    left = len(text) - MOST_CHARACTERS
    if left <= 0:
        return ""
    return format_html('<p class="td-mute">{}</p>', _("… and %(count)s more characters.") % {"count": f"{left:,}"})


def shown(value: Any, depth: int = 0) -> SafeString:
    """Any JSON value as HTML."""
    if value is None or value == "" or value == [] or value == {}:
        return format_html('<span class="td-mute">{}</span>', _("nothing"))
    if isinstance(value, bool):
        return conditional_escape(_("yes") if value else _("no"))
    if isinstance(value, int | float):
        return format_html('<span class="td-num">{}</span>', f"{value:,}" if abs(value) < 1e15 else value)
    if isinstance(value, str):
        return clipped(value) if depth and len(value) > LONG_CHARACTERS else written(value)
    if depth >= DEEPEST:
        return as_json(value)
    if isinstance(value, Mapping):
        return file_link(value) if is_file(value) else _mapping(value, depth)
    return _sequence(value, depth)


def written(text: str) -> SafeString:
    """Markdown where it looks like Markdown, else the text as it is."""
    if LOOKS_LIKE_MARKDOWN.search(text[:MOST_CHARACTERS]):
        return markdown(text)
    return format_html('<span class="td-text">{}</span>{}', text[:MOST_CHARACTERS], _rest(text))


def clipped(text: str) -> SafeString:
    """A long text among others, in a box that scrolls."""
    return format_html('<div class="td-clip">{}</div>', written(text))


def is_file(value: Any) -> bool:
    return isinstance(value, Mapping) and {"file", "name"} <= set(value) <= {"file", "name", "type", "size", "sha256"}


def file_link(value: Mapping[str, Any]) -> SafeString:
    try:
        address = reverse("file", args=[value["file"]])
    except NoReverseMatch:
        return conditional_escape(value["name"])
    return format_html(
        '<a class="td-file" href="{}" download>{}</a>{} <span class="td-mute">{}</span>',
        address,
        value["name"],
        odd_mark(str(value["name"])),
        filesizeformat(value.get("size") or 0),
    )


def odd_mark(name: str) -> SafeString | str:
    """What is odd about a name, beside it; nothing for nearly all names."""
    found = oddities(name)
    return mark_safe(render_to_string("parts/_odd_name.html", {"oddities": found})) if found else ""


def as_json(value: Any) -> SafeString:
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return format_html("<pre>{}</pre>{}", text[:MOST_CHARACTERS], _rest(text))


def named(name: str) -> str:
    """A field's name as a label: `risky_count` → Risky count."""
    return name.replace("_", " ").strip().capitalize() if re.fullmatch(r"[a-z0-9_]+", name) else name


def _mapping(value: Mapping[str, Any], depth: int) -> SafeString:
    pairs = ((named(str(name)), shown(item, depth + 1)) for name, item in value.items())
    return format_html('<dl class="td-facts">{}</dl>', format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs))


def _sequence(value: Sequence[Any], depth: int) -> SafeString:
    rows = [row for row in value if row is not None]
    if rows and all(isinstance(row, Mapping) and not is_file(row) for row in rows):
        columns = list(dict.fromkeys(str(name) for row in rows for name in row))
        if len(columns) <= MOST_COLUMNS:
            return _table(rows, columns, depth)
    items = ((shown(item, depth + 1),) for item in value[:MOST_ROWS])
    return format_html('<ul class="td-values">{}</ul>{}', format_html_join("", "<li>{}</li>", items), _more(value))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], depth: int) -> SafeString:
    head = format_html_join("", '<th scope="col">{}</th>', ((named(name),) for name in columns))
    body = (
        (format_html_join("", "<td>{}</td>", ((shown(row.get(name), depth + 2),) for name in columns)),)
        for row in rows[:MOST_ROWS]
    )
    return format_html(
        '<div class="td-wide" tabindex="0" role="region" aria-label="{}"><table class="td-table">'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>{}",
        _("Table"),
        head,
        format_html_join("", "<tr>{}</tr>", body),
        _more(rows),
    )


def _more(rows: Sequence[Any]) -> SafeString | str:
    left = len(rows) - MOST_ROWS
    if left <= 0:
        return ""
    text = ngettext("… and %(count)s more.", "… and %(count)s more.", left) % {"count": f"{left:,}"}
    return format_html('<p class="td-mute">{}</p>', text)


def took(time: timedelta | None) -> str:
    """A span of time as people say it: 0.9 s, 14 s, 2 min 3 s, 1 h 12 min, 3 d 4 h."""
    if time is None:
        return ""
    seconds = time.total_seconds()
    if seconds < 10:
        return _("%(seconds)s s") % {"seconds": f"{seconds:.1f}"}
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return _("%(seconds)s s") % {"seconds": rest}
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return _("%(minutes)s min %(seconds)s s") % {"minutes": minutes, "seconds": rest}
    days, hours = divmod(hours, 24)
    if not days:
        return _("%(hours)s h %(minutes)s min") % {"hours": hours, "minutes": minutes}
    return _("%(days)s d %(hours)s h") % {"days": days, "hours": hours}


def money(cost_usd: Any) -> str:
    """US dollars with as many places as it takes to see them."""
    cost = float(cost_usd or 0)
    if not cost:
        return "$0"
    return f"${cost:,.2f}" if cost >= 1 else f"${cost:.4f}"
