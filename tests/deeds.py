"""Which deeds each way to change something must leave (case A22), as `audit/deeds_of_routes.txt` lists them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from audit.models import Entry
from config.env import ROOT

LIST = ROOT / "audit" / "deeds_of_routes.txt"


def listed() -> dict[str, set[str]]:
    """`page start` → {"run.started"}; nothing for what needs no entry, whose reason stands in its line."""
    lines = [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    parts = [line.split("|") for line in lines]
    return {way.strip(): _verbs(said.strip()) for way, said in parts}


def _verbs(said: str) -> set[str]:
    return set() if said.startswith("-") else set(said.split())


@contextmanager
def leaves(way: str) -> Iterator[None]:
    """Whatever is done inside writes those entries that its line names, and no others."""
    before = set(Entry.objects.values_list("pk", flat=True))
    yield
    written = set(Entry.objects.exclude(pk__in=before).values_list("verb", flat=True)) - {"person.signed_in"}
    assert way in listed(), f"{way} has no line in {LIST.name}; it wrote {' '.join(sorted(written)) or 'nothing'}"
    assert written == listed()[way], f"{way} wrote {sorted(written)}"
