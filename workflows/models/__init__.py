from workflows.models.budget import Budget
from workflows.models.budget_question import BudgetAnswer, BudgetQuestion, QuestionStatus
from workflows.models.drafting import DraftDeed, DraftEdit
from workflows.models.file import FileUse, StoredFile
from workflows.models.idempotency import IdempotencyKey
from workflows.models.library import SavedKind, SavedStep, SavedStepVersion
from workflows.models.publishing import PublishRequest, RequestStatus
from workflows.models.run import Attempt, JournalEntry, Run, StepRun
from workflows.models.sample import Sample
from workflows.models.series import RowState, Series, SeriesRow
from workflows.models.share import Share
from workflows.models.states import (
    Priority,
    RunMode,
    RunStatus,
    StepStatus,
    TaskKind,
    TaskStatus,
    Verdict,
    Why,
)
from workflows.models.subscription import Delivery, DeliveryStatus, DeliveryTry, Happening, Subscription
from workflows.models.taken import Taken
from workflows.models.task import Assignee, Decision, Look, ManualMode, Task
from workflows.models.trigger import Awaited, Heard, Trigger, TriggerEvent
from workflows.models.workflow import Version, Workflow

__all__ = [
    "Assignee",
    "Attempt",
    "Awaited",
    "Budget",
    "BudgetAnswer",
    "BudgetQuestion",
    "Decision",
    "Delivery",
    "DeliveryStatus",
    "DeliveryTry",
    "DraftDeed",
    "DraftEdit",
    "FileUse",
    "Happening",
    "Heard",
    "IdempotencyKey",
    "JournalEntry",
    "Look",
    "ManualMode",
    "Priority",
    "PublishRequest",
    "QuestionStatus",
    "RequestStatus",
    "RowState",
    "Run",
    "RunMode",
    "RunStatus",
    "Sample",
    "SavedKind",
    "SavedStep",
    "SavedStepVersion",
    "Series",
    "SeriesRow",
    "Share",
    "StepRun",
    "StepStatus",
    "StoredFile",
    "Subscription",
    "Taken",
    "Task",
    "TaskKind",
    "TaskStatus",
    "Trigger",
    "TriggerEvent",
    "Verdict",
    "Version",
    "Why",
    "Workflow",
]
