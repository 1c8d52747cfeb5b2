"""`roles_page`: writes docs/roles.md from the role matrix and the rights of the routes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from config import roles_page


class Command(BaseCommand):
    help = "Writes docs/roles.md from departments/matrix.py and config/rights_of_routes.txt."
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        roles_page.PAGE.write_text(roles_page.text())
        self.stdout.write(f"Written: {roles_page.PAGE}")
