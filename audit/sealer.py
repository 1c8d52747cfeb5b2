"""The sealer: a thread of the scheduler. Any number of schedulers may run; one seals at a time (audit/sealing.py)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from audit import anchoring, history, sealing, sql
from audit.anchoring import Place
from audit.models import Batch

log = logging.getLogger(__name__)

SEAL_EVERY_S: Final = 5.0
SEAL_AT: Final = 1_000
"""Entries that are sealed before their time."""
ANCHOR_EVERY_S: Final = 60.0
LIFE_SIGN_S: Final = 3600.0
"""An anchor that says nothing new, so that silence is a sign."""
TICK_S: Final = 1.0


@dataclass
class Sealer:
    """`places` are told of the ledger's end; the files among them are also compared with it."""

    places: Sequence[Place]
    public_keys: Path
    refused: set[UUID] = field(default_factory=set)
    anchored: int = 0
    sealed_at_s: float = float("-inf")
    anchored_at_s: float = float("-inf")
    hurry: bool = False

    def run(self, stop: threading.Event) -> None:
        anchoring.publish_keys(self.public_keys)
        while not stop.is_set():
            self.tick()
            stop.wait(TICK_S)
        self.tick(at_once=True)

    def tick(self, *, at_once: bool = False) -> None:
        """Whatever is due. Never raises."""
        try:
            if at_once or self._is_time_to_seal():
                self.seal()
            if at_once or self._is_time_to_anchor():
                self.anchor()
        except (OperationalError, InterfaceError) as error:
            log.warning("ledger.waits: the database does not answer (%s)", type(error).__name__)
            connection.close()
        except Exception:
            log.exception("ledger.defect: entries wait to be sealed")
        finally:
            sql.release()

    def seal(self) -> None:
        """All that waits."""
        settings.LEDGER_SIGNING_KEYS.read_anew()  # somebody may have added one
        anchoring.publish_keys(self.public_keys)
        while sealed := sealing.seal(self.refused):
            self.hurry |= sealed.is_of_high_risk
        self.sealed_at_s = time.monotonic()

    def anchor(self) -> None:
        head = Batch.objects.order_by("-number").defer("entries").first()
        if head is not None and (head.number != self.anchored or self._is_silent()):
            history.notice(self.places)
            if anchoring.tell(self.places, head):
                self.anchored, self.hurry = head.number, False
            self.anchored_at_s = time.monotonic()

    def _is_time_to_seal(self) -> bool:
        is_time = time.monotonic() - self.sealed_at_s >= SEAL_EVERY_S
        return sealing.waiting(SEAL_AT) >= (1 if is_time else SEAL_AT)

    def _is_time_to_anchor(self) -> bool:
        return self.hurry or time.monotonic() - self.anchored_at_s >= ANCHOR_EVERY_S

    def _is_silent(self) -> bool:
        return time.monotonic() - self.anchored_at_s >= LIFE_SIGN_S
