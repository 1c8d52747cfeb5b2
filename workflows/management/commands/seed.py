"""`manage.py seed`: what a fresh server begins with. Running it again adds only what is missing."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand

from connectors.providers import ensure_providers
from connectors.shipped import ensure_services
from departments.links import address_of
from departments.seeding import SeededPerson, seed_people
from workflows.services.examples import seed_examples, start_sample


class Command(BaseCommand):
    help = (
        "Adds the departments, people, model, services and example workflows of a fresh server, where they are missing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        new = [person for person in seed_people() if person.link_token]
        ensure_providers()
        ensure_services()
        for workflow in seed_examples():
            start_sample(workflow)
        if new:
            self.stdout.write("Sign in with one of these links. Each works once, within seven days:")
        for title, people in groupby(new, key=_department):
            self.stdout.write(f"\n  {title}")
            for person in people:
                self.stdout.write(f"    {person.role:<14}{person.user.name:<18}{address_of(person.link_token or '')}")


def _department(person: SeededPerson) -> str:
    return person.department.name if person.department else "The whole server"
