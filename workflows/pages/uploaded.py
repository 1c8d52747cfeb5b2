"""Files that come along with a form: stored at once, so that a refused form keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from connectors.forms import Field, Filled
from departments.models import Department
from workflows.models import StoredFile
from workflows.pages.page import identifier
from workflows.services.files import reference
from workflows.services.refusals import ValidationError

Store = Callable[[str, bytes], StoredFile]
"""Keeps a file under a name. Raises ValidationError."""


def with_files(filled: Filled, department: Department, store: Store, *, brought_by: str = "") -> Filled:
    """What was sent, with each upload, and each file that was kept from before, as the file's reference.

    With `brought_by` only files that this one has brought count as kept.
    """
    fields, values = _Uploads(department, store, brought_by).among(filled.form.fields, filled.values)
    return Filled(replace(filled.form, fields=fields), values)


@dataclass(frozen=True, slots=True)
class _Uploads:
    department: Department
    store: Store
    brought_by: str = ""

    def among(self, fields: Sequence[Field], values: Mapping[str, Any]) -> tuple[tuple[Field, ...], dict[str, Any]]:
        """Those at the top and in groups; no row holds a file."""
        kept, known = [], dict(values)
        for asked in fields:
            if asked.widget == "file" and asked.name in values:
                asked, known[asked.name] = self._one(asked, values[asked.name])
            elif asked.widget == "group" and isinstance(values.get(asked.name), Mapping):
                parts, known[asked.name] = self.among(asked.parts, values[asked.name])
                asked = replace(asked, parts=parts)
            kept.append(asked)
        return tuple(kept), known

    def _one(self, asked: Field, sent: UploadedFile | str) -> tuple[Field, dict[str, Any] | None]:
        """The field as it shows the stored file, and the file's reference."""
        try:
            stored = self._stored(sent)
        except ValidationError as refused:
            return replace(asked, value="", error=" ".join(refused.messages)), None
        if stored is None:
            return replace(asked, value="", error=_("This file is gone. Choose it again.")), None
        return replace(asked, value=stored), stored

    def _stored(self, sent: UploadedFile | str) -> dict[str, Any] | None:
        """The reference of an upload, stored now, or of a file that was kept from before; None when there is none."""
        if isinstance(sent, UploadedFile):
            return reference(self.store(sent.name or "file", sent.read())).model_dump()
        place = identifier(sent)
        known = self.department.files.all()
        if self.brought_by:
            known = known.filter(created_by=self.brought_by)
        kept = known.filter(pk=place).first() if place else None
        return reference(kept).model_dump() if kept else None
