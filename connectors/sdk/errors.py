"""The five ways a step may fail. Anything else that is raised counts as a defect of the step and is final."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any


class StepError(Exception):
    """What happened, to which thing, what to do next: one or two sentences for a person.

    `code` is the machine's word for it; `retryable` says whether trying again can help.
    """

    code = "failed"
    retryable = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadParams(StepError):
    """The step was asked for something it cannot do; `fields` maps a parameter's name to what is wrong with it."""

    code = "bad_params"

    def __init__(self, message: str, *, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = fields or {}


class AuthFailed(StepError):
    """The other side does not accept who we are. Final: a person must sign in again or give a new key."""

    code = "auth_failed"


class RateLimited(StepError):
    """The other side asks us to come back later; `retry_after` is its own wish, if it named one."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(StepError):
    """Nobody answered, or the answer was a failure of theirs. Trying again may help.

    `maybe_done`: the request was on its way, so the other side may have acted on it all the same.
    """

    code = "unavailable"
    retryable = True

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class Rejected(StepError):
    """The other side understood and said no. Final.

    `output` is what the step gives all the same, for a workflow that goes on after the refusal.
    """

    code = "rejected"

    def __init__(self, message: str, *, code: str = "", output: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.output = output


class NotNow(StepError):
    """The door to models has not asked: the moment is wrong and not the step, so that this is no try of it.

    `after`: when to ask again; None: not before somebody has changed something. Steps never raise it themselves.
    """

    code = "not_now"

    def __init__(self, message: str, *, code: str, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.after = after


@contextmanager
def at_most_once(look_first: str) -> Iterator[None]:
    """Around the sending of an unsafe step: where the other side may have acted, that is final, so that nothing repeats
    it by itself. `look_first` says where a person looks before doing it again.
    """
    try:
        yield
    except Unavailable as error:
        if error.maybe_done:
            raise Rejected(f"{error.message} {look_first}") from None
        raise
