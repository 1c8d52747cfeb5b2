"""The ledger and its seals in the admin: to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from audit.administration import ReadOnlyAdmin
from audit.long_lists import ActorKinds, LongList, WhenMade, id_in
from audit.models import Anchored, Batch, Counter, DataKey, Entry, Payload, Unsealed, Verification
from audit.people import looked_for, spoken_of
from audit.sentences import sentence


@admin.register(Entry)
class EntryAdmin(LongList, ReadOnlyAdmin):
    list_display = ("at", "as_sentence", "department", "actor_kind", "verb")
    list_filter = (("actor_kind", ActorKinds), ("at", WhenMade))
    search_fields = ("=id", "=run_id", "verb", "department")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        return super().get_queryset(request).shown()  # type: ignore[attr-defined]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str) -> tuple[Any, bool]:
        if not search_term or id_in(search_term):
            return super().get_search_results(request, queryset, search_term)
        said = Q(verb__icontains=search_term) | Q(department__icontains=search_term)
        return queryset.filter(said | looked_for(search_term) | spoken_of(search_term)), False

    @admin.display(description=_("what"))
    def as_sentence(self, entry: Entry) -> str:
        return sentence(entry)


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ("number", "sealed_at", "count", "total", "key_id", "hash_text")
    list_filter = ("before",)
    search_fields = ("number__startswith", "key_id")
    fields = ("number", "before", "sealed_at", "count", "total", "departments", "first", "last", "key_id", "hash_text")

    @admin.display(description=_("hash"))
    def hash_text(self, batch: Batch) -> str:
        return bytes(batch.hash).hex()


@admin.register(Payload)
class PayloadAdmin(ReadOnlyAdmin):
    """That there are words, and whose; read they are with their entry."""

    list_display = ("commitment", "subject", "size")
    search_fields = ("commitment__startswith", "subject__startswith")
    fields = ("commitment", "subject")

    @admin.display(description=_("bytes"))
    def size(self, payload: Payload) -> int:
        return len(payload.sealed)


@admin.register(DataKey)
class DataKeyAdmin(ReadOnlyAdmin):
    list_display = ("subject", "key_id", "is_there")
    search_fields = ("subject__startswith",)
    fields = ("subject", "key_id")

    @admin.display(description=_("of somebody here"), boolean=True)
    def is_there(self, key: DataKey) -> bool:
        return bool(key.wrapped)


@admin.register(Anchored)
class AnchoredAdmin(ReadOnlyAdmin):
    list_display = ("place", "batch", "at", "failing_since", "error")
    search_fields = ("place",)


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    list_display = ("at", "exit_code", "entries", "took_s", "findings")
    list_filter = ("exit_code",)
    search_fields = ("findings",)


@admin.register(Counter)
class CounterAdmin(ReadOnlyAdmin):
    list_display = ("scope", "last", "is_of_run")
    search_fields = ("scope",)

    @admin.display(description=_("of a run"), boolean=True)
    def is_of_run(self, counter: Counter) -> bool:
        return counter.scope.count("-") == 4


@admin.register(Unsealed)
class UnsealedAdmin(ReadOnlyAdmin):
    list_display = ("entry_id", "written_at", "verb")
    search_fields = ("entry_id__startswith",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Unsealed]:
        entry = Entry.objects.filter(pk=OuterRef("entry_id"))
        return (
            super().get_queryset(request).annotate(at=Subquery(entry.values("at")), what=Subquery(entry.values("verb")))
        )

    @admin.display(description=_("written"), ordering="at")
    def written_at(self, unsealed: Any) -> Any:
        return unsealed.at

    @admin.display(description=_("what"))
    def verb(self, unsealed: Any) -> Any:
        return unsealed.what
