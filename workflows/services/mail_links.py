"""The link in a mail by which one person decides: signed, for one asking, and for a while. It holds no secret.

Whoever reads it decides nothing: pages/deciding_by_mail.py asks who it is, and `decide` asks for their rights anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.core.signing import BadSignature, Signer

from audit import wall
from departments.access import Actor, actor_for_user
from departments.models import User
from workflows.models import Decision, Task, TaskKind, TaskStatus
from workflows.runtime import store
from workflows.services import leaving
from workflows.services.deciders import may_decide, require_decider, whom
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.task_answers import Said, checked
from workflows.services.tasks import DONE, Seen, decide, taken_by_another, too_late
from workflows.services.telling import Told

SALT: Final = "workflows.mail_links"
LIFETIME: Final = timedelta(days=14)
DECIDED_BY_MAIL: Final = (TaskKind.APPROVE, TaskKind.REVIEW)
"""What can be decided on one page; for the others the link leads to the page of the task."""

DECISIONS: Final = ("approve", "reject")


@dataclass(frozen=True, slots=True)
class Link:
    """`asked` is the assignee by whom the person was asked: the link ends with that asking."""

    task_id: UUID
    stage: int
    person_id: UUID
    asked: int
    expires: datetime


def expiry(task: Task, now: datetime) -> datetime:
    """When the time to decide is over, at the latest after 14 days."""
    latest = now + LIFETIME
    return min(task.due_at, latest) if task.due_at is not None and task.due_at > now else latest


def link_for(task: Task, told: Told, expires: datetime) -> str:
    """The token that stands in the address."""
    given = [task.pk.hex, task.stage, told.person.pk.hex, told.asked.pk, int(expires.timestamp())]
    return _signer().sign_object(given)


def read(token: str) -> Link | None:
    """None for anything that we have not signed for this purpose, to the last sign."""
    try:
        task, stage, person, asked, expires = _signer().unsign_object(token)
    except (BadSignature, ValueError):
        return None
    return Link(UUID(task), stage, UUID(person), asked, datetime.fromtimestamp(expires, UTC))


def is_over(link: Link) -> bool:
    return link.expires <= store.clock()


def holder_without_sign_in(link: Link) -> Actor | None:
    """The person of the link, where the department lets the link be enough and they may still sign in."""
    with wall.beyond():
        lets = Task.objects.filter(pk=link.task_id, department__decides_by_mail_without_sign_in=True).exists()
    person = User.objects.filter(pk=link.person_id, is_active=True).first() if lets else None
    if person is None:
        return None
    holder = actor_for_user(person)
    wall.admit(*holder.roles)
    return holder


def why_not(link: Link, task: Task, actor: Actor) -> str:
    """Why there is nothing to decide by this link, in a sentence for its person; nothing when there is."""
    own = Decision.objects.filter(task=task, stage=link.stage, by_kind=actor.kind, by_id=actor.id).first()
    if task.status != TaskStatus.OPEN:
        return f"You have {_done(own)} this." if own is not None and not _is_others(task, own) else too_late(task)
    if own is not None:
        return f"You have {_done(own)} this already; it waits for others."
    if task.stage != link.stage or not task.assignees.filter(pk=link.asked, until=None).exists():
        return f"This question has gone on meanwhile. It is for {whom(task)} now."
    if not may_decide(task, actor):
        return f"This question is not for you any more. It is for {whom(task)}."
    return taken_by_another(task, actor)


def approval(task: Task, actor: Actor) -> leaving.Shown:
    """What lies before the actor who approves it as it is. Raises Conflict when what would be sent cannot be told."""
    answer = {**checked(task, Said("approve")), "by": actor.label}
    if task.kind == TaskKind.REVIEW:
        answer["text"] = task.current
    return leaving.shown(task, answer)


def decide_by_link(link: Link, task: Task, *, decision: str, reason: str = "", sha256: str = "", actor: Actor) -> Task:
    """Approve it as it is, or reject it with a reason; `sha256` is the digest of what was shown to whoever approves.

    Raises ValidationError, PermissionDenied, and Conflict saying why there is nothing to decide.
    """
    if decision not in DECISIONS or task.kind not in DECIDED_BY_MAIL:
        raise ValidationError({"decision": "From a mail you can approve or reject. For all else open the task."})
    if is_over(link):
        raise Conflict("This link is over. Open the task.")
    if (sentence := why_not(link, task, actor)) != "":
        raise Conflict(sentence)
    require_decider(task, actor)
    is_approved = decision == "approve"
    said = Said(decision, reason="" if is_approved else reason)
    return decide(task, said, actor=actor, seen=Seen("mail", sha256 if is_approved else ""))


def _signer() -> Signer:
    # The usual colon between the parts is cut off by some mail programs at the end of what they take for an address.
    return Signer(salt=SALT, sep=".")


def _done(own: Decision) -> str:
    return DONE.get(own.decision, "answered")


def _is_others(task: Task, own: Decision) -> bool:
    """Whether it came to another end than the person's own voice: somebody else refused what they had agreed to."""
    return (task.answer or {}).get("decision") != own.decision
