"""`send_test_mail ADDRESS`: whether the mail server of SMTP_URL takes mail, and if not, why."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from departments import mail


class Command(BaseCommand):
    help = "Sends one mail with the settings of the server and says what became of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", metavar="ADDRESS")

    def handle(self, *, address: str, **options: Any) -> None:
        if not mail.is_set_up():
            raise CommandError(mail.NO_SERVER)
        try:
            validate_email(address)
        except ValidationError:
            raise CommandError(f"“{address}” is no e-mail address.") from None
        message = EmailMessage("A test mail of Tandem", "Mail from Tandem arrives here.", to=[address])
        try:
            with mail.Line() as line:
                line.send(message)
        except mail.NotSent as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(
            f"The mail server {mail.server()} took the mail from {message.from_email} to {address}. "
            "Look whether it arrives, among the unwanted mail too."
        )
