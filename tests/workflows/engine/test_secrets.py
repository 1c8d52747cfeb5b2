"""Keys and passwords that somebody typed into a step are left out of what leaves the server; nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine.definition import load
from workflows.engine.secrets import LEFT_OUT, without_secrets


def asking(**given: Any) -> Any:
    return load({"name": "N", "steps": [{"id": "ask", "kind": "http.request", "with": given}]})


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"headers": {"Authorization": "Basic dXNlcjpwYXNz"}}, "ask: headers.Authorization"),
        ({"headers": {"X-Api-Key": "12345"}}, "ask: headers.X-Api-Key"),
        ({"headers": {"Cookie": "session=1"}}, "ask: headers.Cookie"),
        ({"query": {"access_token": "abc"}}, "ask: query.access_token"),
        ({"body_json": {"user": "u", "password": "hunter2"}}, "ask: body_json.password"),
        ({"url": "https://api.example.com/?api_key=abcdef"}, "ask: url"),
        ({"url": "https://user:pass@example.com/"}, "ask: url"),
        ({"body_text": "key sk-abcdefghijklmnop1234"}, "ask: body_text"),
        ({"body_text": "Bearer abcdefghijklmnop"}, "ask: body_text"),
        ({"body_text": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"}, "ask: body_text"),
        ({"body_text": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc"}, "ask: body_text"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(given: dict[str, Any], place: str) -> None:
    clean, places = without_secrets(asking(**given))

    assert places == (place,)
    assert LEFT_OUT in str(clean.steps[0].given)


@pytest.mark.parametrize(
    "given",
    [
        {"headers": {"Authorization": "{{ inputs.token }}", "Accept": "application/json"}},
        {"max_tokens": 500, "about": "How the basic tokens of trust are written"},
        {"url": "https://example.com:8443/a?q=key&from={{ run.date }}"},
        {"labels": [{"name": "secret", "description": "Marked as secret"}]},
        {"instructions": "Say that the password was changed; never repeat it."},
    ],
)
def test_nothing_else_is_touched(given: dict[str, Any]) -> None:
    definition = asking(**given)

    assert without_secrets(definition) == (definition, ())


def test_secrets_are_found_however_deep_the_step_lies() -> None:
    inner = {"id": "ask", "kind": "http.request", "with": {"headers": {"X-Token": "1"}}}
    branch = {"id": "b", "kind": "flow.branch", "cases": [{"when": {"all": []}, "steps": [inner]}]}
    definition = load({"name": "N", "steps": [{"id": "loop", "kind": "flow.for_each", "steps": [branch]}]})

    _clean, places = without_secrets(definition)

    assert places == ("ask: headers.X-Token",)
