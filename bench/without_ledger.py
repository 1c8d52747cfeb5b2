"""A process in which starting a run writes no deed: what the ledger costs is the difference. The product has no such
switch.
"""

from __future__ import annotations

from django.apps import AppConfig


class WithoutLedger(AppConfig):
    name = "bench"

    def ready(self) -> None:
        from workflows.services import runs

        runs._started = lambda *_: None  # type: ignore[assignment,return-value]
