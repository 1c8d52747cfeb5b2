"""Secrets taken out of what an attempt brought, before anything of it is written (rule S10)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from connectors import scrubbing
from connectors.sdk import BadParams, Done, Rejected, StepError

if TYPE_CHECKING:
    from workflows.runtime.performing import Attempted


def take_out_secrets(attempted: Attempted) -> None:
    """Of a step that reached outside, or failed; one that did neither has only what it was given by those that did."""
    if not attempted.calls and attempted.error is None:
        return
    known = scrubbing.known()
    attempted.calls = known.value(attempted.calls)
    attempted.notes = known.value(attempted.notes)
    attempted.given = known.value(attempted.given)
    if attempted.error is not None:
        _from_error(attempted.error, known)
    if isinstance(attempted.outcome, Done):
        attempted.outcome = _from_done(attempted.outcome, known)


def _from_error(error: StepError, known: scrubbing.Scrubber) -> None:
    error.message = known.text(error.message)
    error.args = (error.message,)
    if isinstance(error, BadParams):
        error.fields = known.value(error.fields)
    if isinstance(error, Rejected):
        error.output = known.value(error.output)


def _from_done(done: Done, known: scrubbing.Scrubber) -> Done:
    given: Any = done.output.model_dump(mode="json") if isinstance(done.output, BaseModel) else done.output
    scrubbed = known.value(given)
    output = done.output if scrubbed == given else scrubbed
    return replace(done, output=output, summary=known.text(done.summary))
