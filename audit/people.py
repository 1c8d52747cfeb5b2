"""Who the people in the ledger are today: an entry holds their ids alone (rule A10), and so they can be erased."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.db.models.query import ModelIterable
from django.utils.translation import gettext, gettext_lazy

from audit import payloads
from audit.verify.payloads import commitments, is_commitment

if TYPE_CHECKING:
    from audit.models import Entry

PERSON: Final = "person"
"""The kind of an actor who is one."""
ERASED: Final = gettext_lazy("a person who was erased")


def named(person: Any) -> dict[str, str]:
    """Somebody else than who does it, in the detail of an entry: `to=named(colleague)`."""
    return {PERSON: str(person.pk)} if person is not None else {}


class Entries(QuerySet["Entry"]):
    """Entries of the ledger; `shown`: with the names that people have now and the words they wrote, to be read."""

    _is_shown = False

    def shown(self) -> Entries:
        """Two queries more."""
        clone = self.all()
        clone._is_shown = True
        return clone

    def _clone(self) -> Entries:
        clone: Entries = super()._clone()  # type: ignore[misc]
        clone._is_shown = self._is_shown
        return clone

    def _fetch_all(self) -> None:
        is_new = self._result_cache is None
        super()._fetch_all()
        if is_new and self._is_shown and self._iterable_class is ModelIterable:
            show(self._result_cache or [])


def show(entries: list[Any]) -> None:
    """The rows as they lie in the database hold none of it, and are never saved."""
    names, words = _names({id for entry in entries for id in _people(entry)}), _words(entries)
    for entry in entries:
        if entry.actor_kind == PERSON:
            entry.actor_label = names.get(entry.actor_id) or entry.actor_label or str(ERASED)
        if entry.object_kind == _kind():
            entry.object_label = names.get(entry.object_id) or entry.object_label or str(ERASED)
        entry.detail = {name: _said(value, names, words) for name, value in entry.detail.items()}


def looked_for(text: str) -> Q:
    """Entries of who is called this. Of people only the name of today: no old entry gives away who was erased."""
    return Q(actor_kind=PERSON, actor_id__in=_ids(text)) | ~Q(actor_kind=PERSON) & Q(actor_label__icontains=text)


def spoken_of(text: str) -> Q:
    """Entries about what is called this."""
    kind = _kind()
    return Q(object_kind=kind, object_id__in=_ids(text)) | ~Q(object_kind=kind) & Q(object_label__icontains=text)


def _ids(text: str) -> list[str]:
    people = get_user_model()._default_manager.filter(Q(name__icontains=text) | Q(email__icontains=text))
    return [str(id) for id in people.values_list("pk", flat=True)]


def _names(ids: Iterable[str]) -> dict[str, str]:
    wanted = [id for id in ids if _is_id(id)]
    people = get_user_model()._default_manager.filter(pk__in=wanted) if wanted else ()
    return {str(person.pk): str(person) for person in people}


def _words(entries: Iterable[Entry]) -> dict[str, str]:
    wanted = [commitment for entry in entries for _, commitment in commitments(entry.detail)]
    return payloads.opened(wanted) if wanted else {}


def _people(entry: Entry) -> Iterator[str]:
    if entry.actor_kind == PERSON:
        yield entry.actor_id
    if entry.object_kind == _kind():
        yield entry.object_id
    for value in entry.detail.values():
        yield from (each[PERSON] for each in _listed(value) if _is_person(each))


def _said(value: Any, names: Mapping[str, str], words: Mapping[str, str]) -> Any:
    if is_commitment(value):
        return words.get(value["commitment"], gettext("(erased with who wrote it)"))
    if _is_person(value):
        return names.get(value[PERSON], str(ERASED))
    return [_said(each, names, words) for each in value] if isinstance(value, list) else value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_person(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {PERSON}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _kind() -> str:
    return get_user_model()._meta.model_name or ""
