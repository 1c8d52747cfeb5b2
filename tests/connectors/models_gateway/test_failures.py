"""Errors become what the engine can act on (rules L1, L3, L8; cases M01 to M03, M09 to M11, M16, M18, M19)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from connectors.models_gateway import wire
from connectors.models_gateway.door import ask
from connectors.models_gateway.failures import retry_after
from connectors.models_gateway.record import CallRecord
from connectors.sdk import AuthFailed, BadParams, RateLimited, Rejected, StepError, Unavailable
from tests.connectors.models_gateway.asking import question, way_to
from tests.scripted_provider import (
    KEY,
    Reply,
    ScriptedProvider,
    context_too_long,
    cuts,
    fails,
    filtered,
    forgets_done,
    out_of_quota,
    payment_required,
    rate_limited,
    refuses,
    says,
    stops_at_length,
    wrong_key,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def failure_of(provider: ScriptedProvider, *replies: Reply, **changes: object) -> tuple[StepError, list[CallRecord]]:
    calls: list[CallRecord] = []
    provider.script = list(replies)
    with pytest.raises(StepError) as caught:
        ask(question(provider, **changes), calls)
    return caught.value, calls


@pytest.mark.parametrize(
    ("reply", "kind", "code", "words"),
    [
        (out_of_quota(), Rejected, "quota", "credit at Scripted is used up"),
        (payment_required(), Rejected, "quota", "credit at Scripted is used up"),
        (rate_limited("7"), RateLimited, "rate_limited", "too many questions"),
        (fails(500), Unavailable, "unavailable", "failure of its own (status 500)"),
        (fails(502), Unavailable, "unavailable", "status 502"),
        (fails(503), Unavailable, "unavailable", "status 503"),
        (fails(503, headers={"Retry-After": "9"}), RateLimited, "rate_limited", "overloaded"),
        (fails(504), Unavailable, "unavailable", "status 504"),
        (fails(408), Unavailable, "unavailable", "status 408"),
        (context_too_long(), BadParams, "context_length", "too long for"),
        (fails(400, "the request exceeds the available context size", type="exceed_context_size_error"), BadParams,
         "context_length", "too long for"),
        (fails(400, "Unsupported value: 'temperature'"), BadParams, "bad_params", "Unsupported value: 'temperature'."),
        (fails(400, "flagged", "content_filter"), Rejected, "content_filter", "filtered the answer"),
        (wrong_key(), AuthFailed, "auth_failed", "does not accept our key"),
        (fails(403, "not yours"), AuthFailed, "auth_failed", "not yours"),
        (fails(404, "No such model", "model_not_found"), BadParams, "no_such_model", "does not know scripted-1"),
        (Reply(status=302, body=b"", headers={"Location": "http://other.example/"}), Rejected, "rejected", "has moved"),
        (Reply(status=502, body=b"<html>Bad Gateway</html>"), Unavailable, "unavailable", "(status 502)."),
        (Reply(status=500, body=b'["what"]'), Unavailable, "unavailable", "(status 500)."),
    ],
)  # fmt: skip
def test_each_answer_of_a_provider_in_trouble_has_its_own_error_after_one_request(
    scripted_provider: ScriptedProvider, reply: Reply, kind: type[StepError], code: str, words: str
) -> None:
    error, calls = failure_of(scripted_provider, reply)

    assert type(error) is kind
    assert error.code == code
    assert words in error.message
    assert scripted_provider.calls == 1
    assert [(call["error"], call["message"], call["cost_usd"]) for call in calls] == [(code, error.message, "0.000000")]


def test_the_key_never_stands_in_an_error_or_a_record(scripted_provider: ScriptedProvider) -> None:
    error, calls = failure_of(scripted_provider, wrong_key())

    assert KEY not in error.message
    assert KEY not in json.dumps(calls)
    assert "[secret removed]" in error.message
    assert KEY not in repr(way_to(scripted_provider))


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({"retry-after": "7"}, timedelta(seconds=7)),
        ({"retry-after": "0.5"}, timedelta(seconds=0.5)),
        ({"retry-after-ms": "1500", "retry-after": "7"}, timedelta(seconds=1.5)),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, timedelta(seconds=90)),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, timedelta(0)),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "Mon, 99 Foo 2026 99:99:99 GMT"}, None),
        ({}, None),
    ],
)
def test_a_wish_to_come_back_later_is_read_in_each_of_its_forms(
    headers: dict[str, str], wish: timedelta | None
) -> None:
    assert retry_after(headers, NOW) == wish


@pytest.mark.parametrize(("told", "waits"), [("7", 7), ("3600", 3600), ("-1", None), ("later", None)])
def test_a_rate_limit_waits_as_long_as_the_provider_asks(
    scripted_provider: ScriptedProvider, told: str, waits: int | None
) -> None:
    error, _calls = failure_of(scripted_provider, rate_limited(told))

    assert isinstance(error, RateLimited)
    assert error.retry_after == (None if waits is None else timedelta(seconds=waits))


def test_a_provider_that_asks_for_a_day_is_not_asked_again(scripted_provider: ScriptedProvider) -> None:
    error, _calls = failure_of(scripted_provider, rate_limited("86400"))

    assert isinstance(error, Rejected)
    assert error.code == "rate"
    assert "wait 24 hours" in error.message


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (cuts(), "broke off in the middle"),
        (forgets_done(), "the stream was cut before its end"),
        (Reply(text="All said", finish=None), "did not say why it stopped"),
        (Reply(text="ok", extra_events=["data: {not json}\n\n"]), "a piece of it is not JSON"),
        (Reply(text="ok", extra_events=["data: [1]\n\n"]), "a piece of it is not an object"),
        (Reply(text="ok", extra_events=["<html>502</html>\n\n"]), "belongs to no event"),
        (Reply(text="ok", extra_events=['data: {"choices": [{"delta": {"content": 5}}]}\n\n']), "the wrong type"),
        (Reply(text="ok", extra_events=['data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n']), "goes on"),
        (Reply(text="ok", extra_events=['data: {"choices": [{"delta": {"content": "!"}}]}\n\n']), "goes on"),
        (Reply(text="ok", extra_events=['data: {"choices": [{}, {}]}\n\n']), "exactly one answer"),
        (Reply(text="ok", extra_events=["data: \ud800\n\n"]), "it is not UTF-8"),
        (Reply(text="ok", extra_events=['data: {"a": ' + "[" * 100_000 + "\n\n"]), "a piece of it is not JSON"),
        (Reply(body=b"Hello", headers={"Content-Type": "text/html"}), "cut before its end"),
    ],
)
def test_an_answer_that_is_not_whole_is_never_a_success(
    scripted_provider: ScriptedProvider, reply: Reply, reason: str
) -> None:
    calls: list[CallRecord] = []
    scripted_provider.script = [reply]

    with pytest.raises(Unavailable, match=reason):
        ask(question(scripted_provider), calls)

    assert scripted_provider.calls == 1
    assert "answer" not in calls[0]


@pytest.mark.parametrize(
    ("error_event", "kind"),
    [
        ({"message": "overloaded", "type": "server_error"}, Unavailable),
        ({"message": "slow down", "type": "rate_limit_error"}, RateLimited),
        ({"message": "upstream", "code": 502}, Unavailable),
        ({"message": "no", "code": "insufficient_quota"}, Rejected),
        ("broken", Unavailable),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_told_as_what_it_is(
    scripted_provider: ScriptedProvider, error_event: object, kind: type[StepError]
) -> None:
    event = f"data: {json.dumps({'error': error_event})}\n\n"

    error, _calls = failure_of(scripted_provider, Reply(text="half", finish=None, extra_events=[event]))

    assert type(error) is kind


def test_an_answer_cut_off_at_the_limit_is_no_success_even_where_it_parses(scripted_provider: ScriptedProvider) -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}

    error, calls = failure_of(scripted_provider, stops_at_length("{}"), schema=schema)

    assert isinstance(error, Rejected)
    assert error.code == "length"
    assert "higher limit" in error.message
    assert (calls[0]["partial"], scripted_provider.calls) == ("{}", 1)


def test_a_refusal_is_told_in_the_models_own_words(scripted_provider: ScriptedProvider) -> None:
    error, calls = failure_of(scripted_provider, refuses("I cannot help with that."))

    assert isinstance(error, Rejected)
    assert error.code == "refused"
    assert '"I cannot help with that."' in error.message
    assert calls[0]["partial"] == "I cannot help with that."


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (filtered("half a sen"), "content_filter"),
        (says("  \n"), "empty"),
        (Reply(text="x", finish="tool_calls"), "unavailable"),
    ],
)
def test_an_end_for_another_reason_is_its_own_failure(
    scripted_provider: ScriptedProvider, reply: Reply, code: str
) -> None:
    error, _calls = failure_of(scripted_provider, reply)

    assert error.code == code
    assert scripted_provider.calls == 1


def test_a_text_that_cannot_fit_is_refused_before_the_call(scripted_provider: ScriptedProvider) -> None:
    way = way_to(scripted_provider, context_tokens=1_000)

    error, calls = failure_of(scripted_provider, way=way, blocks={"text": "word " * 2_000})

    assert isinstance(error, BadParams)
    assert error.code == "context_length"
    assert "it takes 1,000" in error.message
    assert (scripted_provider.calls, calls) == (0, [])


def test_an_answer_in_one_piece_is_read_from_a_server_that_does_not_stream(scripted_provider: ScriptedProvider) -> None:
    body = {"choices": [{"message": {"content": "Whole."}, "finish_reason": "stop"}], "model": "old-server"}
    scripted_provider.script = [Reply(body=json.dumps(body).encode())]

    answer = ask(question(scripted_provider), [])

    assert (answer.text, answer.model) == ("Whole.", "old-server")


def test_a_connection_to_another_machine_serves_one_call_after_another(
    scripted_provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "is_on_this_machine", lambda _address: False)
    scripted_provider.script = [says("ok")] * 5

    for _ in range(5):
        ask(question(scripted_provider), [])

    assert (scripted_provider.calls, scripted_provider.connections) == (5, 1)


def test_every_call_to_this_machine_has_its_own_connection(scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script = [says("ok")] * 3

    for _ in range(3):
        ask(question(scripted_provider), [])

    assert scripted_provider.connections == 3
