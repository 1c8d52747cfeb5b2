"""Watching over the ledger: a loop of the scheduler that has it verified once a day, and tells administrators.

The verifier is a process of its own: it may take as much memory and time as it needs, and ends with the scheduler.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from audit import sql
from audit.models import Batch, Verification
from audit.standing import standing
from departments.models import User
from departments.notices import notify

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 30.0
VERIFY_EVERY: Final = timedelta(days=1)
FIRST_AFTER: Final = timedelta(minutes=10)
LOCK: Final = 0x7A6E_5EA2
COMMAND: Final = (sys.executable, "manage.py", "verify_ledger")


class Watch:
    """`run` until the scheduler stops."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        self.stop = stop
        while not stop.wait(LOOK_EVERY_S):
            self.look()

    def look(self) -> None:
        """Never raises."""
        try:
            claimed = claim()
            sql.release()
            if claimed is not None:
                self.verify(claimed)
            tell_troubles()
        except Exception:
            log.exception("ledger.watch: looked in vain")
        finally:
            sql.release()

    def verify(self, claimed: Verification) -> None:
        """The verifier, then its test of itself; what they say is kept."""
        code, said = self._run("--json")
        told = _read(said)
        findings = [*told.get("findings", ()), *([said.strip()[:500]] if code == 2 else ())]
        tested, outcomes = self._run("--self-test")
        if tested:
            findings.append(f"The self-test of the verifier failed: {outcomes.strip().splitlines()[-1:]}")
        Verification.objects.filter(pk=claimed.pk).update(
            exit_code=max(code, tested),
            entries=told.get("entries", 0),
            findings=findings[:50],
            took_s=told.get("took_s", 0.0),
        )

    def _run(self, *options: str) -> tuple[int, str]:
        """Exit code and what was said; 2 when it was stopped in the middle."""
        with subprocess.Popen(
            [*COMMAND, *options], cwd=settings.BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as child:
            ended = threading.Thread(target=self._end_with_us, args=[child], daemon=True)
            ended.start()
            said = child.stdout.read() if child.stdout else ""
        return child.returncode if child.returncode in (0, 1) else 2, said

    def _end_with_us(self, child: subprocess.Popen[str]) -> None:
        while child.poll() is None:
            if self.stop.wait(0.5):
                child.terminate()
                return


def claim() -> Verification | None:
    """Today's verification, if nobody has begun it; with a row, so that of several schedulers one does it."""
    with transaction.atomic():
        locked = sql.row("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        first = Batch.objects.filter(number=1, sealed_at__lte=Now() - FIRST_AFTER)
        recent = Verification.objects.filter(at__gt=Now() - VERIFY_EVERY)
        if not (locked and locked[0]) or recent.exists() or not first.exists():
            return None
        return Verification.objects.create()


def tell_troubles() -> None:
    """Administrators hear of each once a day as long as it lasts."""
    found = standing()
    if found.troubles:
        _tell(found.troubles, f"{found.now:%Y-%m-%d}")


@transaction.atomic
def _tell(troubles: Mapping[str, str], day: str) -> None:
    subject = _("The ledger needs somebody to look after it")
    for person in User.objects.filter(is_superuser=True, is_active=True):
        for kind, sentence in troubles.items():
            key = f"ledger:{kind}:{day}:{person.pk}"
            notify(person, key=key, kind="ledger", subject=subject, text=f"{sentence}\n\n{_address()}")


def _address() -> str:
    return settings.PUBLIC_URL + reverse("admin:audit_verification_changelist")


def _read(said: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
        return found
    except (ValueError, IndexError):
        return {}
