"""All that a trigger may touch while it looks: its department's doors, connections and files, and for reading only."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from audit.sql import release
from connectors import net
from connectors.sdk import Account, Effect, FileRef, Rejected, StepError, Unavailable
from connectors.sdk.errors import AuthFailed
from workflows.models import StoredFile, Trigger
from workflows.runtime import files, limits, signed_in
from workflows.runtime.context import StepDocuments
from workflows.runtime.outside import StepHttp, StepLines

ANOTHER = "Choose another one for this trigger."


@dataclass
class Outlook:
    """`connectors.sdk.triggers.Outlook`, made anew for each look. `trigger` has its department."""

    trigger: Trigger
    now: datetime
    calls: list[Any] = field(default_factory=list)
    signed_in_by: set[str] = field(default_factory=set)
    ends_at: float = field(default_factory=lambda: time.monotonic() + limits.LOOK_S)

    @cached_property
    def http(self) -> StepHttp:
        return self._lines.http(net.Door(net.for_department(self.trigger.department.egress_hosts)))

    def account(self, connection: str) -> Account:
        found = signed_in.account(self.trigger.department_id, connection, self._lines, ANOTHER)
        self.signed_in_by.add(connection)
        return found

    @cached_property
    def files(self) -> LookFiles:
        return LookFiles(self.trigger)

    @cached_property
    def documents(self) -> StepDocuments:
        return StepDocuments(self.files)

    def note_failure(self, error: StepError) -> None:
        """Whoever looks at the connections is to see that one is not accepted any more."""
        if isinstance(error, AuthFailed):
            for connection in self.signed_in_by:
                signed_in.note_refused(self.trigger.department_id, connection, error.message)

    @property
    def _lines(self) -> StepLines:
        return StepLines(self.calls, self._fence, Effect.UNSAFE)

    def _fence(self, effect: Effect) -> None:
        if effect is not Effect.PURE:
            raise Rejected("A trigger only looks; it changes nothing outside.")
        if time.monotonic() > self.ends_at:
            raise Unavailable(f"The look took longer than {limits.LOOK_S:.0f} seconds. It is tried again later.")


@dataclass
class LookFiles:
    """Files of the trigger's department and no other."""

    trigger: Trigger
    saved: list[UUID] = field(default_factory=list)

    def read(self, ref: FileRef) -> bytes:
        stored = files.find(self.trigger.department_id, ref)
        try:
            return files.read(stored)
        finally:
            release()

    def save(self, name: str, content: bytes, type: str) -> FileRef:
        stored = files.save(self.trigger.department_id, name, content, type, created_by=self.trigger.title)
        self.saved.append(stored.pk)
        release()
        return files.reference(stored)

    def forget(self) -> None:
        """Nothing came of the look. The bytes stay: others may have the same."""
        if self.saved:
            StoredFile.objects.filter(pk__in=self.saved).delete()
