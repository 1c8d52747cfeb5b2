"""Values of a run as HTML: nothing that an AI wrote becomes more than text, tables and links."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from workflows.pages.showing import markdown, money, named, shown, took


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** and *soft*", "<p><strong>bold</strong> and <em>soft</em></p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        (
            "![tracks](https://evil.example/p.png)",
            '<p>!<a href="https://evil.example/p.png" rel="noopener noreferrer">tracks</a></p>',
        ),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](data:text/html;base64,PHA+)", "<p>[x](data:text/html;base64,PHA+)</p>"),
        ("[x](mailto:a@b.example)", '<p><a href="mailto:a@b.example" rel="noopener noreferrer">x</a></p>'),
        ("# One\n\n### Two\n\n## Three", "<h3>One</h3>\n<h4>Two</h4>\n<h4>Three</h4>"),
        ("### Only\n\ntext", "<h3>Only</h3>\n<p>text</p>"),
        (
            "| a |\n|---|\n| <b>1</b> |",
            '<div class="td-wide" tabindex="0"><table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n'
            "<td>&lt;b&gt;1&lt;/b&gt;</td>\n</tr>\n</tbody>\n</table></div>",
        ),
    ],
)
def test_markdown_goes_through_an_allow_list(text: str, html: str):
    assert str(markdown(text)).replace("\n</div>", "</div>") == f'<div class="td-prose">{html}</div>'


def test_a_very_long_text_is_shown_in_part_and_says_so():
    html = str(markdown("word " * 40_000))

    assert "… and 100,000 more characters." in html
    assert len(html) < 110_000


@pytest.mark.parametrize(
    ("value", "html"),
    [
        (None, '<span class="td-mute">nothing</span>'),
        ("", '<span class="td-mute">nothing</span>'),
        ([], '<span class="td-mute">nothing</span>'),
        (True, "yes"),
        (False, "no"),
        (1234567, '<span class="td-num">1,234,567</span>'),
        (0.5, '<span class="td-num">0.5</span>'),
        ("a < b", '<span class="td-text">a &lt; b</span>'),
        (
            ["x", 2],
            '<ul class="td-values"><li><span class="td-text">x</span></li><li><span class="td-num">2</span></li></ul>',
        ),
        (
            {"risky_count": True, "Nächste": "a"},
            '<dl class="td-facts"><dt>Risky count</dt><dd>yes</dd>'
            '<dt>Nächste</dt><dd><span class="td-text">a</span></dd></dl>',
        ),
    ],
)
def test_a_value_is_shown_by_its_type(value: Any, html: str):
    assert str(shown(value)) == html


def test_a_list_of_rows_is_a_table_with_every_column_once():
    html = str(shown([{"channel": "Ad", "verdict": "<b>"}, {"channel": "E-mail", "reason": "why"}]))

    assert html.count("<tr>") == 3
    assert '<th scope="col">Channel</th><th scope="col">Verdict</th><th scope="col">Reason</th>' in html
    assert "&lt;b&gt;" in html


def test_a_file_is_a_link_to_its_download():
    html = str(shown({"file": "0190b2b0-0000-7000-8000-000000000000", "name": "<pack>.docx", "size": 2048}))

    assert 'href="/files/0190b2b0-0000-7000-8000-000000000000/" download' in html
    assert "&lt;pack&gt;.docx" in html


def test_a_file_whose_id_is_no_id_is_only_its_name():
    assert str(shown({"file": "javascript:alert(1)", "name": "x"})) == "x"


def test_what_is_nested_deeply_ends_as_json():
    html = str(shown({"a": {"b": {"c": {"d": {"e": "<x>"}}}}}))

    assert "<pre>" in html
    assert "&lt;x&gt;" in html


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.94, "0.9 s"),
        (14.2, "14 s"),
        (59.6, "1 min 0 s"),
        (123, "2 min 3 s"),
        (4320, "1 h 12 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_span_is_said_as_people_say_it(seconds: float, text: str):
    assert took(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("cost", "text"), [(0, "$0"), (None, "$0"), ("0.0003", "$0.0003"), (0.0183, "$0.0183"), (1234.5, "$1,234.50")]
)
def test_money_has_as_many_places_as_it_takes(cost: Any, text: str):
    assert money(cost) == text


@pytest.mark.parametrize(("name", "label"), [("risky_count", "Risky count"), ("Kampagne A", "Kampagne A"), ("x", "X")])
def test_a_field_is_named_for_people(name: str, label: str):
    assert named(name) == label
