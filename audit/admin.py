"""The ledger in the admin: to read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from audit.administration import ReadOnlyAdmin
from audit.models import Entry
from audit.sentences import sentence


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "as_sentence", "department", "actor_kind", "verb")
    list_filter = ("actor_kind",)
    search_fields = ("actor_label", "object_label", "verb", "department")
    date_hierarchy = "at"
    ordering = ("-id",)

    @admin.display(description=_("what"))
    def as_sentence(self, entry: Entry) -> str:
        return sentence(entry)
