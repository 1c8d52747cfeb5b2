"""`sign_in_link EMAIL`: prints a fresh one-time sign-in link, for whoever is locked out."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from departments import second_factor
from departments.access import SYSTEM
from departments.links import address_of, create_sign_in_link
from departments.models import User


class Command(BaseCommand):
    help = "Prints a link that signs the person in once, within a day. Links made earlier for the same person end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument(
            "--forget-password",
            action="store_true",
            help="the old password works no more; the person chooses a new one after signing in",
        )
        parser.add_argument(
            "--forget-second-factors",
            action="store_true",
            help="for whoever lost their phone and their recovery codes: the link alone signs in",
        )

    def handle(self, *, email: str, forget_password: bool, forget_second_factors: bool, **options: Any) -> None:
        person = _person(email)
        try:
            token = create_sign_in_link(person, actor=SYSTEM, forget_password=forget_password)
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None
        if forget_second_factors:
            second_factor.forget(person, actor=SYSTEM)
        self.stdout.write(address_of(token))


def _person(email: str) -> User:
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist:
        raise CommandError(f"Nobody here has the address “{email}”. The admin lists everybody under People.") from None
