"""Slack, Teams and webhooks out: through a connection, against servers that speak their wire format."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from connectors import accounts
from connectors.catalog.slack import Slack, literal
from connectors.catalog.webhook import signature
from connectors.connections import Told, change, connect, try_out
from connectors.models import Connection
from connectors.sdk import BadParams
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.workflows.runtime.harness import done
from workflows.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "xoxb-1234-unheard-of-token"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


def everything(run: Run) -> str:
    return repr([list(run.steps.values()), *[list(step.tries.values()) for step in run.steps.all()]])


def step(legal: Department, kind: str, **given: Any) -> Run:
    return done([{"id": "send", "kind": kind, "with": given, "retry": {"attempts": 1}}], department=legal)


# ── Slack ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def slack(legal: Department, httpserver: HTTPServer) -> Connection:
    told = Told("Workspace", {"address": httpserver.url_for("/api")}, {"token": TOKEN})
    return connect(legal, "slack", told, actor=SYSTEM)


def posted(legal: Department, **more: Any) -> Run:
    return step(legal, "slack.post", connection="workspace", channel="#press", text="Hello <!channel> & all", **more)


def test_slack_says_who_we_are(slack: Connection, httpserver: HTTPServer) -> None:
    signed = {"Authorization": f"Bearer {TOKEN}"}
    answer = {"ok": True, "team": "Acme", "user": "tandem"}
    httpserver.expect_request("/api/auth.test", method="POST", headers=signed).respond_with_json(answer)

    assert try_out(slack, actor=SYSTEM)
    assert slack.health_said == "Signed in to Acme as tandem."


def test_a_message_is_posted_and_wakes_nobody(slack: Connection, legal: Department, httpserver: HTTPServer) -> None:
    wanted = {"channel": "#press", "text": "Hello &lt;!channel&gt; &amp; all", "thread_ts": "171.2"}
    answer = {"ok": True, "channel": "C0123", "ts": "1718.0001"}
    httpserver.expect_request("/api/chat.postMessage", method="POST", json=wanted).respond_with_json(answer)

    run = posted(legal, answer_to="171.2")

    assert run.status == "succeeded", run.error
    assert run.steps.get().output == {"channel": "C0123", "number": "1718.0001"}
    assert TOKEN not in everything(run)


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (Response('{"ok": false, "error": "not_in_channel"}', 200, mimetype="application/json"), "rejected", "/invite"),
        (Response('{"ok": false, "error": "who_knows"}', 200, mimetype="application/json"), "rejected", "who_knows"),
        (Response('{"ok": false, "error": "token_revoked"}', 200, mimetype="application/json"), "auth_failed", "Renew"),
        (Response("", 429, {"Retry-After": "30"}), "rate_limited", "later"),
        (Response("oops", 503), "rejected", "look into the channel"),
        (Response("<html>", 200), "rejected", "status 200"),
        (Response("[]", 200, mimetype="application/json"), "rejected", "status 200"),
    ],
)
def test_what_slack_answers_is_said(
    answer: Response, code: str, words: str, slack: Connection, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/api/chat.postMessage").respond_with_response(answer)

    run = posted(legal)

    assert (run.error or {})["code"] == code
    assert words in (run.error or {})["message"]
    assert len(httpserver.log) == 1


def test_slack_itself_needs_no_place_on_the_list_and_another_host_does(legal: Department) -> None:
    there = connect(legal, "slack", Told("There", {}, {"token": TOKEN}), actor=SYSTEM)
    other = connect(
        legal, "slack", Told("Other", {"address": "https://slack.evil.example/api"}, {"token": TOKEN}), actor=SYSTEM
    )

    assert accounts.opened(there).http.policy.hosts[-1:] != ()  # type: ignore[attr-defined]
    assert "slack.com" in accounts.opened(there).http.policy.hosts  # type: ignore[attr-defined]
    with pytest.raises(BadParams, match="not among the hosts"):
        accounts.opened(other).http.send("POST", "https://slack.evil.example/api/auth.test")
    with pytest.raises(BadParams, match="are not sent to"):
        accounts.opened(other).http.send("POST", "https://slack.com/api/auth.test")
    assert Slack.reaches == ("slack.com",)


def test_signs_of_slack_stand_for_themselves() -> None:
    assert literal("<@U1> & <b>") == "&lt;@U1&gt; &amp; &lt;b&gt;"


# ── Teams ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def teams(legal: Department, httpserver: HTTPServer) -> Connection:
    told = Told("Press channel", {}, {"address": httpserver.url_for("/hook/secret-path-5512?sig=abcdefgh")})
    return connect(legal, "teams", told, actor=SYSTEM)


def test_a_card_is_posted_where_only_the_vault_knows(
    teams: Connection, legal: Department, httpserver: HTTPServer
) -> None:
    cards: list[Any] = []

    def take(request: Request) -> Response:
        cards.append(request.get_json())
        return Response("", 202)

    httpserver.expect_request("/hook/secret-path-5512", query_string="sig=abcdefgh").respond_with_handler(take)

    given = {"title": "Mentions", "text": "**Two** today", "link": "https://example.com/r"}
    run = step(legal, "teams.post", connection="press-channel", **given)

    assert run.status == "succeeded", run.error
    (content,) = [each["content"] for each in cards[0]["attachments"]]
    assert content["type"] == "AdaptiveCard"
    assert [each["text"] for each in content["body"]] == ["Mentions", "**Two** today"]
    assert content["actions"][0]["url"] == "https://example.com/r"
    assert "secret-path-5512" not in everything(run)


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (429, "", "rate_limited"),
        (200, "Microsoft Teams endpoint returned HTTP error 429", "rate_limited"),
        (404, "", "auth_failed"),
        (413, "", "rejected"),
        (500, "", "rejected"),
        (400, "Bad payload", "rejected"),
    ],
)
def test_what_teams_answers_is_said_without_its_address(
    status: int, said: str, code: str, teams: Connection, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook/secret-path-5512").respond_with_data(said, status=status)

    run = step(legal, "teams.post", connection="press-channel", title="Mentions", text="Two")

    assert (run.error or {})["code"] == code
    assert "secret-path-5512" not in everything(run)


# ── webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def hook(legal: Department, httpserver: HTTPServer) -> Connection:
    return connect(
        legal, "webhook", Told("Archive", {"address": httpserver.url_for("/in")}, {"secret": SECRET}), actor=SYSTEM
    )


def test_the_signature_is_that_of_the_specification() -> None:
    signed = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_arrives_signed_and_its_repetition_is_the_same(
    hook: Connection, legal: Department, httpserver: HTTPServer
) -> None:
    taken: list[Request] = []
    answers = [503, 200]

    def take(request: Request) -> Response:
        request.get_data()
        taken.append(request)
        return Response("", answers.pop(0))

    httpserver.expect_request("/in").respond_with_handler(take)
    given = {"connection": "archive", "type": "press.sorted", "data": {"tone": "grün"}}
    node = {"id": "send", "kind": "webhook.send", "with": given, "retry": {"attempts": 2, "first_delay_s": 0}}

    run = done([node], department=legal)

    assert run.status == "succeeded", run.error
    first, second = taken
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == run.steps.get().output["id"]
    assert first.get_data() == second.get_data()
    for request in taken:
        body = request.get_data()
        signed = signature(SECRET, request.headers["webhook-id"], request.headers["webhook-timestamp"], body)
        assert request.headers["webhook-signature"] == signed
    assert json.loads(first.get_data())["data"] == {"tone": "grün"}


@pytest.mark.parametrize(
    ("status", "code"), [(410, "auth_failed"), (401, "auth_failed"), (429, "rate_limited"), (400, "rejected")]
)
def test_what_the_receiver_answers_is_said(
    status: int, code: str, hook: Connection, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/in").respond_with_data("", status=status)

    run = step(legal, "webhook.send", connection="archive", type="press.sorted", data={})

    assert (run.error or {})["code"] == code
    hook.refresh_from_db()
    assert hook.health == ("fails" if code == "auth_failed" else "unknown")


@pytest.mark.parametrize(
    ("connector", "settings", "secrets", "field"),
    [
        ("webhook", {"address": "example.com"}, {"secret": SECRET}, "address"),
        ("webhook", {"address": "https://example.com"}, {"secret": "whsec_c2hvcnQ="}, "secret"),
        ("webhook", {"address": "https://example.com"}, {"secret": "whsec_???"}, "secret"),
        ("webhook", {"address": "https://example.com"}, {"secret": base64.b64encode(b"x" * 65).decode()}, "secret"),
        ("slack", {}, {"token": "hello"}, "token"),
        ("slack", {"address": "slack.com"}, {"token": TOKEN}, "address"),
        ("teams", {}, {"address": "teams"}, "address"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    connector: str, settings: dict[str, str], secrets: dict[str, str], field: str, legal: Department
) -> None:
    with pytest.raises(ValidationError) as refused:
        connect(legal, connector, Told("It", settings, secrets), actor=SYSTEM)

    assert list(refused.value.message_dict) == [field]


def test_the_secret_address_of_a_channel_is_replaced_as_a_whole(teams: Connection, httpserver: HTTPServer) -> None:
    change(teams, Told("Press channel", {}, {"address": "https://elsewhere.example/x"}), actor=SYSTEM)

    with pytest.raises(BadParams, match="not among the hosts"):
        accounts.opened(Connection.objects.select_related("secret", "department").get()).http.send("POST", "")
