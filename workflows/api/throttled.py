"""Workflows that cannot be read cost the server time: who sends one after the other has to wait (case P15)."""

from __future__ import annotations

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from rest_framework.request import Request

from departments import allowances
from departments.allowances import Limit
from departments.tokens import TooOften
from workflows.api.endpoint import Endpoint

UNSOUND: Final = Limit.of_minute("unsound", 120)
"""Refused ones of one token: twenty at once, then two a second."""


class TakesDefinitions(Endpoint):
    """Beside the ordinary limit of the token. Nothing is read while it has to wait."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method != "GET" and (refused := allowances.spent(self._key, UNSOUND)):
            said = _("Too many workflows that cannot be used came from this token. Wait as long as Retry-After says.")
            raise TooOften(refused, said)

    def handle_exception(self, exc: Exception) -> HttpResponse:
        if isinstance(exc, ValidationError) and self.request.method != "GET":
            allowances.take(self._key, UNSOUND)
        return super().handle_exception(exc)

    @property
    def _key(self) -> str:
        return f"unsound:{self.token.pk}"
