"""The one way to write to the ledger."""

from __future__ import annotations

from typing import Any, Protocol
from uuid import UUID

from django.db import transaction

from audit import sql
from audit.models import Entry


class Doer(Protocol):
    """Whoever does something: a person, a token, or the server itself."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def label(self) -> str: ...


class NotInTransaction(Exception):
    """A deed and its ledger entry are one transaction, or the entry proves nothing."""


def record(
    verb: str,
    *,
    actor: Doer,
    department: str = "",
    thing: Any = None,
    run_id: UUID | None = None,
    **detail: Any,
) -> Entry:
    """Write who did what, inside the transaction of the deed itself.

    `verb` is past tense with a dot: "workflow.published". `department` is a slug. `thing` is the row the deed is about;
    one whose text people write (a title, a question, a file name) has a `ledger_label` that is none of it (rule A10).
    `detail` holds JSON values only, and no secrets. Raises NotInTransaction outside a transaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise NotInTransaction(verb)

    entry = Entry(
        verb=verb,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label[:254],
        department=department,
        object_kind=thing._meta.model_name if thing is not None else "",
        object_id=str(thing.pk) if thing is not None else "",
        object_label=_label(thing)[:254] if thing is not None else "",
        run_id=run_id,
        detail=detail,
    )
    sql.execute(_INSERT, [getattr(entry, name) for name in _COLUMNS] + [sql.document(detail)])
    entry._state.adding, entry._state.db = False, "default"
    return entry


def _label(thing: Any) -> str:
    return getattr(thing, "ledger_label", "") or str(thing)


_COLUMNS = (
    *("id", "verb", "actor_kind", "actor_id", "actor_label", "department"),
    *("object_kind", "object_id", "object_label", "run_id"),
)
_INSERT = f"""
INSERT INTO audit_entry ({", ".join(_COLUMNS)}, detail) VALUES ({", ".join(["%s"] * len(_COLUMNS))}, %s::jsonb)
"""
