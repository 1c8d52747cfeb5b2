"""How far the ledger is sealed and anchored, and what the verifier said last: for its page, and for whoever watches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.translation import gettext as _

from audit import sealing, sql
from audit.models import Anchored, Batch, Verification

LONGEST_WAIT: Final = timedelta(minutes=2)
"""With the half minute between two looks this is told well within three minutes (case A16)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`now` is the database's clock."""

    now: datetime
    sealed_at: datetime | None
    entries: int
    waits_since: datetime | None
    anchors: list[Anchored]
    verified: Verification | None

    @property
    def anchored_at(self) -> datetime | None:
        return max((anchor.at for anchor in self.anchors if anchor.at), default=None)

    @property
    def troubles(self) -> dict[str, str]:
        """What somebody should look after: a word of its own for each, and a sentence."""
        return dict(self._troubles())

    def _troubles(self) -> Iterator[tuple[str, str]]:
        if self.waits_since and self.now - self.waits_since > LONGEST_WAIT:
            since = f"{self.waits_since:%Y-%m-%d %H:%M} UTC"
            yield "seal", _("Entries wait for their seal since %(since)s. Does the scheduler run?") % {"since": since}
        for anchor in self.anchors:
            if anchor.failing_since and self.now - anchor.failing_since > LONGEST_WAIT:
                told = {"place": anchor.place, "error": anchor.error}
                yield f"anchor:{anchor.place[:80]}", _("%(place)s takes no anchors. %(error)s") % told
        if self.verified and self.verified.exit_code:
            told = {"at": f"{self.verified.at:%Y-%m-%d %H:%M}", "said": " ".join(self.verified.findings[:3])}
            yield "verification", _("The verification of %(at)s UTC did not end well. %(said)s") % told


def standing() -> Standing:
    """Four short queries."""
    head = Batch.objects.order_by("-number").values_list("sealed_at", "total").first()
    waits = sql.row(_WAITS_SINCE, [])
    return Standing(
        now=waits[1] if waits else sealing.clock(),
        sealed_at=head[0] if head else None,
        entries=head[1] if head else 0,
        waits_since=waits[0] if waits else None,
        anchors=list(Anchored.objects.all()),
        verified=Verification.objects.exclude(exit_code=None).order_by("-id").first(),
    )


# Ids grow with time: the smallest that waits is the oldest. What came in by another way than Tandem's is never sealed.
_WAITS_SINCE: Final = """
SELECT (
    SELECT entry.at FROM audit_unsealed AS waiting JOIN audit_entry AS entry ON entry.id = waiting.entry_id
    WHERE entry.form > 0 ORDER BY waiting.entry_id LIMIT 1
), clock_timestamp()
"""
