"""All that the author of a step kind or a connector imports. Pure: no Django, no Celery, no HTTP, no model client."""

from connectors.sdk.actions import Action, Effect, Field, Flow, Model, hint
from connectors.sdk.context import Answer, FileRef, Passage, ReadDocument, Response, StepContext
from connectors.sdk.errors import (
    AuthFailed,
    BadParams,
    RateLimited,
    Rejected,
    StepError,
    Unavailable,
)
from connectors.sdk.outcomes import (
    ArmsEnded,
    Ask,
    Call,
    ChildrenEnded,
    Decided,
    Done,
    Enter,
    Outcome,
    Signal,
    Spawn,
    TimerFired,
    Wait,
)

__all__ = [
    "Action",
    "Answer",
    "ArmsEnded",
    "Ask",
    "AuthFailed",
    "BadParams",
    "Call",
    "ChildrenEnded",
    "Decided",
    "Done",
    "Effect",
    "Enter",
    "Field",
    "FileRef",
    "Flow",
    "Model",
    "Outcome",
    "Passage",
    "RateLimited",
    "ReadDocument",
    "Rejected",
    "Response",
    "Signal",
    "Spawn",
    "StepContext",
    "StepError",
    "TimerFired",
    "Unavailable",
    "Wait",
    "hint",
]
