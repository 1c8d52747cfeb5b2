"""Lists of the admin whose tables hold millions of rows: nothing that reads all of them to show fifty.

Newest first, by an index. Counted as far as one turns pages. A search or filter looks through the newest rows alone, an
exact id through all of them. docs/performance.md says what that costs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.admin import AllValuesFieldListFilter, DateFieldListFilter, ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

MOST_COUNTED = 10_000
LOOKED_THROUGH = 10_000
CLOCKS_DIFFER = timedelta(hours=1)
"""At most, of whoever makes the ids and of the database, whose times are filtered by."""
TURNS = frozenset({"p", "e"})
"""What stands in an address without asking for other rows."""


class CountedSoFar(Paginator):
    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:MOST_COUNTED].count()  # type: ignore[attr-defined]


class LongList(ModelAdmin):
    """`search_fields` with "=" before them are ids, of which a UUID finds its rows among all."""

    paginator = CountedSoFar
    ordering = ("-pk",)
    sortable_by = ()
    date_hierarchy = None
    looked_through = LOOKED_THROUGH

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        said = _(
            "The newest %(counted)s. A search or filter looks through the newest %(through)s of all; an id finds its "
            "row wherever it is."
        ) % {"counted": f"{MOST_COUNTED:,}", "through": f"{self.looked_through:,}"}
        return super().changelist_view(request, {"subtitle": said, **(extra_context or {})})

    # Newer versions of Django also say where on the page the deed was chosen.
    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *where: Any, **named: Any) -> Any:
        """No deed on all that were found: they may be more than were counted."""
        if request.POST.get("select_across") != "1":
            return super().response_action(request, queryset, *where, **named)
        self.message_user(request, _("Choose the rows themselves: a list this long is not done all at once."), "error")
        return None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        is_list = request.resolver_match is not None and str(request.resolver_match.url_name).endswith("_changelist")
        if not is_list or not request.GET.keys() - TURNS or id_in(request.GET.get("q", "")):
            return rows
        newest = self.model._default_manager.order_by("-pk").values_list("pk", flat=True)
        floor = list(newest[self.looked_through - 1 : self.looked_through])
        return rows.filter(pk__gte=floor[0]) if floor else rows

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        if (known := id_in(search_term)) is None:
            return super().get_search_results(request, queryset, search_term)
        found = Q(pk__in=[])
        for name in self.search_fields:
            if name.startswith("="):
                found |= Q(**{name[1:]: known})
        return queryset.filter(found), False

    def get_search_fields(self, request: HttpRequest) -> Any:
        """Of a text: an id is no text, and looking for it as one reads every row."""
        return [name for name in self.search_fields if not name.startswith("=")]


class WhenMade(DateFieldListFilter):
    """Ids are UUIDv7: from the first one of that time on, without an index of times."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        found = super().queryset(request, queryset)
        since = self.used_parameters.get(self.lookup_kwarg_since)
        at = parse_datetime(str(since[0] if isinstance(since, list) else since)) if since else None
        return found.filter(pk__gte=first_id(at - CLOCKS_DIFFER)) if found is not None and at is not None else found


class ActorKinds(AllValuesFieldListFilter):
    """Those that there are, told and not looked up."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lookup_choices: Any = ["person", "token", "system", "nobody"]


def first_id(at: datetime) -> UUID:
    """No UUIDv7 of that moment or later is smaller (RFC 9562 §5.7)."""
    return UUID(int=max(0, int(at.timestamp() * 1000)) << 80)


def id_in(term: str) -> UUID | None:
    try:
        return UUID(term.strip())
    except ValueError:
        return None
