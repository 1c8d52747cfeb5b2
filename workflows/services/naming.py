"""Names of workflows: what is kept of what was typed, and when two names are the same."""

from __future__ import annotations

import unicodedata

from departments.models import Department
from workflows.models import Workflow
from workflows.services.refusals import Conflict, ValidationError


def clean_name(name: str) -> str:
    """NFC, one line, no invisible or direction-changing characters. Raises ValidationError when nothing is left."""
    normal = unicodedata.normalize("NFC", name)
    visible = "".join(letter for letter in normal if unicodedata.category(letter) not in ("Cc", "Cf", "Co", "Cs"))
    shown = " ".join(visible.split())
    if not shown:
        raise ValidationError({"name": "A name needs a visible character."})
    return shown[:120]


def same_name(name: str) -> str:
    """Two names are the same when people would read them so: NFKC without regard to case (case P10)."""
    return unicodedata.normalize("NFKC", clean_name(name)).casefold()


def require_free_name(department: Department, name: str) -> None:
    """Raises Conflict when another workflow of the department is called so."""
    taken = Workflow.objects.filter(department=department, archived_at=None).values_list("name", flat=True)
    if same_name(name) in {same_name(other) for other in taken}:
        raise Conflict(f"{department.name} has a workflow called “{clean_name(name)}” already. Choose another name.")
