"""The step `http.request` against a real server, through the real door."""

from __future__ import annotations

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from connectors.catalog.http import SendRequest
from connectors.net import Door, Egress
from connectors.sdk import AuthFailed, BadParams, Effect, RateLimited, Rejected, StepError, Unavailable, registry

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def send(server: HTTPServer, path: str = "/", **given: Any) -> Any:
    """Run the step against this server and give its output."""
    door = Door(Egress((f"private:http://127.0.0.1:{server.port}",)))
    context = SimpleNamespace(http=door, now=NOW, idempotency_key="run-1/step-2")
    params = SendRequest.Params(url=f"http://127.0.0.1:{server.port}{path}", **given)
    return SendRequest().run(params, context).output  # type: ignore[arg-type]


def test_the_kind_is_found_among_the_connectors() -> None:
    assert registry.discover("connectors.catalog")["http.request"] is SendRequest


def test_a_get_gives_status_text_and_data(httpserver: HTTPServer) -> None:
    httpserver.expect_request(
        "/articles", method="GET", query_string={"page": "2"}, headers={"X-Key": "k"}
    ).respond_with_json({"title": "Grüße"}, headers={"X-Total": "7"})

    output = send(httpserver, "/articles", query={"page": 2}, headers={"X-Key": "k"})

    assert (output.status, output.data, output.headers["x-total"]) == (200, {"title": "Grüße"}, "7")
    assert json.loads(output.text) == output.data


@pytest.mark.parametrize("written", [{"title": "ä", "n": 1}, '{"title": "ä", "n": 1}'])
def test_a_body_is_a_value_or_json_written_in_the_form(written: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/", method="POST", json={"title": "ä", "n": 1}).respond_with_data(status=201)

    assert send(httpserver, method="POST", body_json=written, expect=[201]).status == 201


def test_a_body_may_be_text_with_its_own_type(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/", method="PUT", data="a;ä", headers={"Content-Type": "text/csv"}).respond_with_data(
        "ok"
    )

    output = send(httpserver, method="PUT", body_text="a;ä", headers={"Content-Type": "text/csv"})

    assert (output.text, output.data) == ("ok", None)


def test_the_idempotency_key_travels_in_the_named_header(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/", method="POST", headers={"Idempotency-Key": "run-1/step-2"}).respond_with_data("ok")

    assert send(httpserver, method="POST", idempotency_header="Idempotency-Key").text == "ok"


@pytest.mark.parametrize(
    ("method", "header", "effect"),
    [
        ("GET", "", Effect.PURE),
        ("GET", "Idempotency-Key", Effect.PURE),
        ("POST", "", Effect.UNSAFE),
        ("PUT", "", Effect.UNSAFE),
        ("PATCH", "", Effect.UNSAFE),
        ("DELETE", "", Effect.UNSAFE),
        ("POST", "Idempotency-Key", Effect.KEYED),
        ("DELETE", "Idempotency-Key", Effect.KEYED),
    ],
)
def test_what_may_be_repeated_depends_on_the_call(method: str, header: str, effect: Effect) -> None:
    params = SendRequest.Params(method=method, url="https://ok.example/", idempotency_header=header)

    assert SendRequest.effect_of(params) is effect


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, AuthFailed),
        (403, AuthFailed),
        (404, Rejected),
        (409, Rejected),
        (422, Rejected),
        (304, Rejected),
        (429, RateLimited),
        (500, Unavailable),
        (502, Unavailable),
        (503, RateLimited),
        (504, Unavailable),
    ],
)
def test_an_answer_that_is_not_expected_is_the_error_that_it_means(
    status: int, error: type[StepError], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/").respond_with_data("no", status=status)

    with pytest.raises(error, match=f"GET was answered with {status}") as failed:
        send(httpserver)

    assert type(failed.value) is error
    assert send(httpserver, expect=[status]).status == status


def test_a_success_that_the_step_does_not_expect_is_an_error(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("accepted", status=202)

    with pytest.raises(Rejected, match=r"202, which the step does not expect\. It says: accepted"):
        send(httpserver, expect=[200])


def test_a_refusal_quotes_the_beginning_of_a_text_and_nothing_of_a_binary(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/text").respond_with_data("x" * 1_000, status=400)
    httpserver.expect_request("/binary").respond_with_data(b"\0\1", status=400)

    with pytest.raises(Rejected) as text:
        send(httpserver, "/text")
    with pytest.raises(Rejected) as binary:
        send(httpserver, "/binary")

    assert text.value.message == "GET was answered with 400, which the step does not expect. It says: " + "x" * 300
    assert binary.value.message == "GET was answered with 400, which the step does not expect."


@pytest.mark.parametrize(
    ("written", "pause"),
    [
        ("120", timedelta(seconds=120)),
        ("0", timedelta()),
        ("99999999999999999999", timedelta(days=1)),
        ("86401", timedelta(days=1)),
        ("Sun, 01 Mar 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Sun, 01 Mar 2026 12:10:00 -0000", timedelta(minutes=10)),
        ("Sun, 01 Mar 2026 11:00:00 GMT", timedelta()),
        ("Tue, 01 Mar 2039 12:00:00 GMT", timedelta(days=1)),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("Sun, 99 Mar 2026 12:10:00 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_that_the_other_side_wishes_is_kept(
    status: int, written: str, pause: timedelta | None, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/").respond_with_data(status=status, headers={"Retry-After": written})

    with pytest.raises(RateLimited) as limited:
        send(httpserver)

    assert limited.value.retry_after == pause


def test_an_unsafe_request_that_may_have_been_done_is_final(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(status=500)

    with pytest.raises(Rejected, match="may have been done all the same"):
        send(httpserver, method="POST")
    with pytest.raises(Unavailable):
        send(httpserver, method="POST", idempotency_header="Idempotency-Key")
    with pytest.raises(Unavailable):
        send(httpserver, method="GET")


def test_an_unsafe_request_that_got_no_answer_is_final(httpserver: HTTPServer) -> None:
    def slow(request: Request) -> Response:
        time.sleep(0.4)
        return Response()

    httpserver.expect_request("/").respond_with_handler(slow)

    with pytest.raises(Rejected, match="may have been done all the same"):
        send(httpserver, method="POST", timeout_s=0.2)


def test_an_unsafe_request_that_never_left_may_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = SimpleNamespace(port=listener.getsockname()[1])

    with pytest.raises(Unavailable):
        send(closed, method="POST")  # type: ignore[arg-type]


def test_a_redirected_post_says_where_to_look(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(status=307, headers={"Location": "/other"})

    with pytest.raises(Rejected, match="Write the final address into the step"):
        send(httpserver, method="POST")


def test_a_get_follows_a_redirect(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(status=302, headers={"Location": "/other"})
    httpserver.expect_request("/other").respond_with_data("there")

    assert send(httpserver).text == "there"


def test_cookies_do_not_end_up_in_the_run(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("ok", headers={"Set-Cookie": "session=s3cret"})

    assert "s3cret" not in send(httpserver).model_dump_json()


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=utf-8", "ä".encode(), "ä"),
        ("text/plain", "ä".encode(), "ä"),
        ('text/html; charset="ISO-8859-1"', b"\xe4", "ä"),
        ("text/plain; charset=windows-1252", b"\x80", "€"),
        ("text/plain", b"a\xffb", "a\ufffdb"),
        ("text/plain; charset=unicode_escape", b"\\u0000", "\\u0000"),
        ("text/plain; charset=cp-nonsense", b"a", ""),
        ("image/png", b"\x89PNG\0", ""),
        ("text/plain", b"", ""),
    ],
)
def test_text_is_what_can_be_read(content_type: str, body: bytes, text: str, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data(body, content_type=content_type)

    assert send(httpserver).text == text


def test_a_host_that_nobody_listed_names_itself_and_who_may_allow_it() -> None:
    context = SimpleNamespace(http=Door(Egress()), now=NOW, idempotency_key="k")
    params = SendRequest.Params(url="https://api.example.com/a")

    with pytest.raises(BadParams, match=r"api\.example\.com.*administrator.*Departments"):
        SendRequest().run(params, context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"body_json": "{broken"}, "body_json"),
        ({"body_json": "[" * 100_000}, "body_json"),
        ({"body_json": {"a": 1}, "body_text": "x"}, "body_text"),
    ],
)
def test_a_body_that_cannot_be_sent_names_its_field(given: dict[str, Any], field: str, httpserver: HTTPServer) -> None:
    with pytest.raises(BadParams) as refused:
        send(httpserver, method="POST", **given)

    assert list(refused.value.fields) == [field]
    assert httpserver.log == []


def test_two_bodies_are_found_while_editing() -> None:
    assert list(SendRequest.check({"body_json": "{}", "body_text": "x"})) == ["body_text"]
    assert SendRequest.check({"body_json": "{}", "body_text": ""}) == {}


@pytest.mark.parametrize(
    "given",
    [
        {"method": "TRACE"},
        {"method": "get"},
        {"timeout_s": 31},
        {"timeout_s": 0},
        {"url": ""},
        {"headers": {"a": [1]}},
        {"expect": ["ok"]},
        {"surprise": 1},
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SendRequest.Params(**{"url": "https://ok.example/", **given})


def test_the_picker_is_offered_every_field() -> None:
    assert SendRequest.output_fields({}) == {"status": "integer", "headers": "object", "text": "string", "data": "any"}
