"""The ledger is verified once a day, and administrators hear what is wrong with it (rule A9, case A16)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from audit.models import Anchored, Batch, Unsealed, Verification
from audit.standing import standing
from departments import ledger_watch
from departments.ledger_watch import Watch, claim, tell_troubles
from departments.models import Notice
from tests.audit.sealed import deed, seal, sealer
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def long_ago(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A first seal, old enough to be verified."""
    monkeypatch.setattr(ledger_watch, "FIRST_AFTER", timedelta(0))
    deed()
    seal(sealer(tmp_path))


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: int, tested: int = 0) -> None:
    """In the verifier's place, one that says this: how its words are kept is what is looked at here."""
    path = tmp_path / "says"
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = --self-test ]; then echo "1 missed."; exit {tested}; fi\n{said}\nexit {code}\n'
    )
    path.chmod(0o755)
    monkeypatch.setattr(ledger_watch, "COMMAND", (str(path),))


def test_one_of_many_schedulers_verifies_once_a_day(long_ago: None) -> None:
    first, second = claim(), claim()
    Verification.objects.update(at=timezone.now() - timedelta(hours=25))

    assert (first is None, second is None, claim() is None) == (False, True, False)


def test_a_ledger_that_was_never_sealed_is_not_verified() -> None:
    deed()

    assert claim() is None
    assert Batch.objects.count() == 0


@pytest.mark.parametrize(
    ("told", "code", "tested", "expected"),
    [
        ({"entries": 3, "findings": [], "took_s": 0.5}, 0, 0, (0, 3, [])),
        (
            {"entries": 3, "findings": ["[gone] Entry x is gone."], "took_s": 0.5},
            1,
            0,
            (1, 3, ["[gone] Entry x is gone."]),
        ),
        (None, 2, 0, (2, 0, ["It cannot be read."])),
        (
            {"entries": 3, "findings": [], "took_s": 0.5},
            0,
            1,
            (1, 3, ["The self-test of the verifier failed: ['1 missed.']"]),
        ),
    ],
    ids=["well", "found", "could not look", "missed one in its self-test"],
)
def test_what_the_verifier_said_is_kept_and_told(
    long_ago: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told, code: int, tested: int, expected
) -> None:
    robin = make_user("Robin", is_superuser=True, is_staff=True)
    make_user("Lea")
    program(tmp_path, monkeypatch, f"echo '{json.dumps(told)}'" if told else "echo It cannot be read.", code, tested)

    Watch().look()
    Watch().look()

    kept = Verification.objects.get()
    assert (kept.exit_code, kept.entries, kept.findings) == expected
    assert [notice.person for notice in Notice.objects.all()] == ([robin] if expected[0] else [])


def test_a_sealer_or_an_anchor_that_stands_still_is_told_once_a_day(long_ago: None) -> None:
    make_user("Robin", is_superuser=True, is_staff=True)
    late = deed()
    tell_troubles()
    assert not Notice.objects.exists()

    Anchored.objects.create(place="syslog", failing_since=timezone.now() - timedelta(minutes=4), error="No answer.")
    Unsealed.objects.filter(pk=late.pk).delete()
    old = Unsealed.objects.create(entry_id=_older_entry())
    tell_troubles()
    tell_troubles()

    assert set(standing().troubles) == {"seal", "anchor:syslog"}
    assert sorted(Notice.objects.values_list("key", flat=True).distinct()) == sorted(
        f"ledger:{kind}:{standing().now:%Y-%m-%d}:{Notice.objects.first().person_id}"
        for kind in ("seal", "anchor:syslog")
    )
    assert old


def _older_entry():
    from audit.models import Entry

    moment = timezone.now() - timedelta(minutes=4)
    return Entry.objects.create(at=moment, verb="a.b", actor_kind="system", actor_label="x", seq=500).pk
