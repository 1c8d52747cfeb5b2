"""Refusals without a page round them, for whoever asks hundreds of times whether something is refused."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse

from config import urls


@pytest.fixture
def refused_without_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """403 and 404 say themselves alone: the frame, with all its questions to the database, costs more than the rest."""

    def plain(code: int) -> object:
        def answer(request: HttpRequest, exception: Exception) -> HttpResponse:
            return HttpResponse(status=code)

        return answer

    for code in (403, 404):
        monkeypatch.setattr(urls, f"handler{code}", plain(code), raising=False)
