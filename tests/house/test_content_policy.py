"""H02: tests/content_policy.py finds what it should, and is shown the pages that no other test asks for."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests.content_policy import inline, loose
from tests.factories import make_user

GOOD = "default-src 'self'; script-src 'self' 'nonce-a'; style-src 'self'; object-src 'none'; base-uri 'none'"
GOOD += "; frame-ancestors 'none'"


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ('<p class="a" data-on="x">Hello <script src="/a.js" nonce="n"></script></p>', 0),
        ('<script type="application/json">{"on": 1}</script>', 0),
        ("", 0),
        ("<script>go()</script>", 1),
        ('<script nonce="n">go()</script>', 1),
        ("<style>p {}</style>", 1),
        ('<p style="color: red">', 1),
        ('<a onclick="go()">', 1),
        ('<div hx-on:click="go()">', 1),
        ('<div hx-on::after-request="go()" data-hx-on="go()">', 2),
        ('<a href=" JavaScript:go()">', 1),
        ('<iframe src="data:text/html,x">', 1),
        ('<svg onload="go()">', 1),
    ],
)
def test_what_stands_in_a_page_itself_is_found(page: str, found: int) -> None:
    assert len(list(inline(page.encode()))) == found


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (GOOD, 0),
        (GOOD.replace("'nonce-a'", "'unsafe-inline'"), 1),
        (GOOD.replace("'nonce-a'", "https: 'unsafe-eval'"), 2),
        (GOOD.replace("frame-ancestors 'none'", ""), 1),
        ("", 4),
    ],
)
def test_a_policy_that_lets_too_much_through_is_found(policy: str, found: int) -> None:
    assert len(list(loose(policy))) == found


def test_the_pages_of_others_keep_to_it_too(db: None) -> None:
    assert settings.MIDDLEWARE[0] == "tests.content_policy.Middleware"
    nobody, administrator = Client(), Client()
    administrator.force_login(make_user("Robin", is_superuser=True, is_staff=True))

    for name in ("account_login", "account_reset_password", "account_reset_password_done", "api_docs"):
        assert nobody.get(reverse(name), follow=True).status_code == 200, name
    for path in ("/admin/", "/admin/departments/", "/admin/departments/user/add/", "/admin/jsi18n/", "/nothing/"):
        assert administrator.get(path).status_code in (200, 404), path
