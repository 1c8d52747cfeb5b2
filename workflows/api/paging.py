"""Long lists a page at a time, with cursors that hold while rows are added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from workflows.api.answers import Answer, page_of
from workflows.api.endpoint import answer

Row = TypeVar("Row", bound=Model)


class Pages(CursorPagination):
    """Newest first: ids are UUIDv7, so their order is that of time."""

    ordering = "-id"
    page_size = 50
    max_page_size = 100
    page_size_query_param = "page_size"
    position: Callable[[str], Any] = UUID

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Raises ValidationError for a cursor that is none of ours."""
        try:
            cursor = super().decode_cursor(request) if request.query_params.get("cursor") else None
            if cursor:
                type(self).position(cursor.position)
        except (NotFound, ValueError, TypeError, AttributeError):
            raise ValidationError({"cursor": "This is no cursor of this list. Begin without one."}) from None
        return cursor


class Numbered(Pages):
    """Newest first, by numbers."""

    position = int


class ByNumber(Pages):
    """The rows of a table, in their order."""

    ordering = "number"
    position = int


class InOrder(Pages):
    """A journal: oldest first, by its dense numbers."""

    ordering = "seq"
    position = int


def page(
    request: Request, rows: QuerySet[Row], item: type[Answer], of: Callable[[Row], Answer], pages: type[Pages] = Pages
) -> HttpResponse:
    """One page of the rows. One query."""
    cut = pages()
    found = cut.paginate_queryset(rows, request) or []
    return answer(
        page_of(item).model_construct(
            results=[of(row) for row in found], next=cut.get_next_link(), previous=cut.get_previous_link()
        )
    )
