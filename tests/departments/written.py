"""What stands in the ledger."""

from __future__ import annotations

from typing import Any

from audit.models import Entry


def ledger() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Oldest first: verb, department, object, detail."""
    return list(Entry.objects.order_by("id").values_list("verb", "department", "object_label", "detail"))
