"""What a step would have done, said and given."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from connectors.catalog.http import SendRequest
from connectors.sdk import Action, Effect, Field, Model
from connectors.sdk.rehearsing import made, would
from workflows.runtime.kinds import kinds


class Tone(StrEnum):
    WARM = "warm"
    COLD = "cold"


class Inner(Model):
    number: int
    when: str = Field(json_schema_extra={"format": "date"})


class Answer(Model):
    id: str
    tone: Tone
    status: Literal["queued", "sent"]
    count: int
    is_new: bool
    inner: Inner
    many: list[Inner]
    maybe: str | None
    kept: str = "as it was"
    anything: Any = None


class Strict(Model):
    code: str = Field(pattern=r"^[A-Z]{3}$")


class Post(Action):
    kind, title, reads_as = "test.post", "Post", "Send {text} to {channel}"
    effect = Effect.UNSAFE

    class Params(Model):
        text: str
        channel: str

    class Output(Model):
        link: str


def test_the_sentence_of_the_card_becomes_what_would_be_done() -> None:
    params = Post.Params(text="Good morning", channel="#press")

    done = Post().rehearse(params, None)  # type: ignore[arg-type]

    assert done.summary == "Would send “Good morning” to “#press”"
    assert (done.rehearsed, done.output) == (True, Post.Output(link="(link)"))


def test_values_are_shown_once_and_never_read_as_words_of_the_sentence() -> None:
    assert would("Send {text}", Post.Params(text="{channel} {{ x }}", channel="c")) == "Would send “{channel} {{ x }}”"


def test_an_answer_is_made_from_the_shape_of_the_output() -> None:
    assert made(Answer) == Answer(
        id="(id)",
        tone=Tone.WARM,
        status="queued",
        count=1,
        is_new=True,
        inner=Inner(number=1, when="2027-01-31"),
        many=[],
        maybe="(maybe)",
    )


def test_a_shape_that_no_made_value_fits_gives_the_plain_values() -> None:
    assert made(Strict) == {"code": "(code)"}


def test_every_kind_with_an_effect_has_an_answer_for_a_rehearsal() -> None:
    for kind in kinds().values():
        if kind.effect is not Effect.PURE:
            assert made(kind.Output)


def test_a_request_says_where_it_would_go_and_what_it_would_carry() -> None:
    params = SendRequest.Params(method="POST", url="https://press.example/", body_json={"text": "Grüße"}, expect=[201])

    done = SendRequest().rehearse(params, None)  # type: ignore[arg-type]

    assert done.summary == 'Would send POST to https://press.example/: {"text": "Grüße"}'
    assert done.output.status == 201  # type: ignore[union-attr]
    assert SendRequest.may_leave({"method": "POST"})
    assert not SendRequest.may_leave({"url": "https://press.example/"})
