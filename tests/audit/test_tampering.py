"""Whatever the owner of the database does to a sealed ledger is found (cases A02 to A14, A18)."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from audit.verify.checking import verify
from audit.verify.copying import Copy, copied
from audit.verify.self_test import TAMPERINGS, _delete_one, self_test
from audit.verify.words import not_proved

pytestmark = pytest.mark.django_db

CAUGHT_BY = {
    "the column detail of a sealed entry changed": {"code", "batch"},
    "an entry changed, with the key of its code": {"batch"},
    "all later batches made anew, without the sealer's key": {"signature", "anchor"},
    "all later batches made anew, with the sealer's key": {"anchor"},
    "the last batch cut off, with all that hangs on it": {"anchor"},
    "set back to an earlier state": {"anchor"},
    "an unsealed entry deleted and counted back, its decision left": {"business"},
    "a forged entry waiting for its seal": {"code"},
    "words of a person taken away, and nobody erased": {"words"},
    "words of a person changed": {"words"},
    "words of a person put under somebody else": {"words"},
}
"""By which kinds of findings, no more and no less: the walls behind each other, one by one."""


@pytest.fixture(scope="module")
def copy(django_db_setup: None, django_db_blocker) -> Iterator[Copy]:
    with django_db_blocker.unblock():
        settings = {name: value for name, value in connection.get_connection_params().items() if name != "pool"}
    wanted = {name: settings[name] for name in ("dbname", "user", "host", "port", "password") if settings.get(name)}
    with psycopg.connect(**wanted) as own:
        made = copied(own, "ledger_under_test")
        own.execute("SAVEPOINT untouched")
        yield made
        own.rollback()


@pytest.fixture
def tampered(copy: Copy) -> Iterator[Copy]:
    yield copy
    copy.connection.execute("ROLLBACK TO SAVEPOINT untouched")


def kinds(copy: Copy) -> set[str]:
    return {kind for kind, _ in verify(copy.source, copy.trust).findings.told}


def test_nothing_is_found_where_nobody_tampered(copy: Copy) -> None:
    report = verify(copy.source, copy.trust)

    assert report.findings.told == []
    assert (report.entries, report.sealed, report.batches) == (60, 55, 7)
    assert (report.anchored, report.codes_checked, report.reconciled) == (55, True, True)


@pytest.mark.parametrize("name", TAMPERINGS)
def test_each_manipulation_is_found(tampered: Copy, name: str) -> None:
    TAMPERINGS[name](tampered)

    found = kinds(tampered)

    assert found
    assert found == CAUGHT_BY.get(name, found)


def test_every_column_of_a_changed_entry_names_it(tampered: Copy) -> None:
    TAMPERINGS["the column verb of a sealed entry changed"](tampered)
    (changed,) = [row.id for row in tampered.rows() if row.verb.endswith(("x", "y"))]

    told = [sentence for kind, sentence in verify(tampered.source, tampered.trust).findings.told if kind == "code"]

    assert len(told) == 1
    assert changed in told[0]


def test_what_goes_before_the_next_anchor_with_all_its_traces_is_not_found_and_the_report_says_so(
    tampered: Copy,
) -> None:
    """Case A13: the window that is documented. The entry, its place in the queue, its count and what it was about."""
    waiting = {row.id: row for row in tampered.rows() if row.id in tampered.source.queue()}
    deed = next(row for row in reversed(waiting.values()) if row.verb == "task.decided")
    later = [row for row in waiting.values() if row.run_id == deed.run_id and row.seq > deed.seq]
    _delete_one(tampered, deed)
    tampered.run("DELETE FROM workflows_decision WHERE task_id::text = %s", deed.object_id)

    report = verify(tampered.source, tampered.trust)

    assert (later, report.findings.told) == ([], [])
    assert any("4 entries after the last anchor" in line for line in not_proved(report))


def test_without_anchors_and_keys_of_codes_the_report_claims_less(tampered: Copy) -> None:
    TAMPERINGS["set back to an earlier state"](tampered)
    trust = type(tampered.trust)(tampered.trust.public)

    report = verify(tampered.source, trust)

    assert report.findings.told == []
    said = " ".join(not_proved(report))
    assert "cut back to an earlier state: no anchors were given" in said
    assert "no keys of codes" in said


def test_the_self_test_looks_at_the_whole_copy_first_and_leaves_nothing_behind(copy: Copy) -> None:
    with psycopg.connect(copy.connection.info.dsn, password=copy.connection.info.password) as own:
        outcomes = self_test(own)
        first, second = next(outcomes), next(outcomes)
        outcomes.close()
        left = own.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'ledger_self_test%%'").fetchone()

    assert (first.found, first.said) == (True, "nothing was found")
    assert second.found
    assert left == (0,)
    assert len(TAMPERINGS) >= 12
