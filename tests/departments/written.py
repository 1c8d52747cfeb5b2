"""What stands in the ledger, as people read it."""

from __future__ import annotations

from typing import Any

from audit.models import Entry


def ledger() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Oldest first: verb, department, object, detail."""
    return told("verb", "department", "object_label", "detail")


def told(*names: str, **asked: Any) -> list[tuple[Any, ...]]:
    """These columns of the entries that are asked for, oldest first."""
    entries = Entry.objects.shown().filter(**asked).order_by("id")
    return [tuple(getattr(entry, name) for name in names) for entry in entries]
