"""Entries are sealed in batches, each once, and the end of the ledger is told outside (A4 to A6, cases A16, A17)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import connection, transaction

from audit import sealing
from audit.models import Anchored, Batch, Entry, Unsealed
from audit.sealer import Sealer
from audit.services import record
from audit.verify import encoding
from tests.audit.sealed import CLARA, anchors, deed, seal, sealer


@pytest.fixture
def ours(tmp_path: Path) -> Sealer:
    return sealer(tmp_path)


def batches() -> list[Batch]:
    return list(Batch.objects.order_by("number"))


def sealed_ids() -> list[UUID]:
    return [id for batch in batches() for id in batch.entries]


@pytest.mark.django_db
def test_batches_hang_on_each_other_and_are_signed(ours: Sealer, tmp_path: Path) -> None:
    for department in ("legal", "press", "legal"):
        deed(department=department)
    seal(ours)
    deed()
    seal(ours)

    first, second = batches()
    public = dict(line.split(":") for line in (tmp_path / "public-keys").read_text().split())
    private = sealing.signer()[1].public_key()

    assert (first.count, first.total, first.departments) == (3, 3, {"legal": 2, "press": 1})
    assert (second.count, second.total, bytes(second.previous)) == (1, 4, bytes(first.hash))
    assert bytes(first.previous) == encoding.NO_HASH
    assert list(public) == [first.key_id]
    for batch in (first, second):
        assert bytes(batch.hash) == encoding.batch_hash(sealing.header_of(batch))
        private.verify(bytes(batch.signature), encoding.signed_of_batch(bytes(batch.hash)))
    assert sorted(sealed_ids()) == sorted(Entry.objects.values_list("pk", flat=True))
    assert not Unsealed.objects.exists()
    assert isinstance(private, Ed25519PublicKey)


@pytest.mark.django_db
def test_what_was_there_before_the_first_seal_is_sealed_first_and_only_then(ours: Sealer) -> None:
    late = deed()
    with connection.cursor() as cursor:
        cursor.execute(_OLD)
    seal(ours)
    with connection.cursor() as cursor:
        cursor.execute(_OLD.replace("'thing.done'", "'thing.forged'").replace("900", "901"))
    seal(ours)

    assert [(batch.before, batch.count) for batch in batches()] == [(True, 1), (False, 1)]
    assert batches()[1].entries == [late.pk]
    assert Unsealed.objects.count() == 1  # what says that it is from before, and was not there


@pytest.mark.django_db
def test_an_entry_without_the_right_code_is_never_sealed_and_keeps_nobody_up(ours: Sealer) -> None:
    good = deed()
    with connection.cursor() as cursor:
        cursor.execute(_OLD.replace("'', 0", f"'{good.mac_key}', 1"))
    seal(ours)
    deed()
    seal(ours)

    forged = Entry.objects.get(seq=900)
    assert forged.pk not in sealed_ids()
    assert len(sealed_ids()) == 2
    assert ours.refused == {forged.pk}


@pytest.mark.django_db
def test_anchors_tell_the_end_once_and_at_once_after_a_deed_of_high_risk(ours: Sealer, tmp_path: Path) -> None:
    deed()
    seal(ours)
    deed()
    ours.sealed_at_s = float("-inf")
    ours.tick()
    known = len(anchors(tmp_path))
    deed("person.rights_changed")
    ours.sealed_at_s = float("-inf")
    ours.tick()

    head = batches()[-1]
    assert known == 1
    assert [line["batch"] for line in anchors(tmp_path)] == [1, 3]
    assert anchors(tmp_path)[-1]["hash"] == bytes(head.hash).hex()
    assert Anchored.objects.get().batch == 3


@pytest.mark.django_db
def test_a_place_that_takes_nothing_is_named_since_when(tmp_path: Path) -> None:
    ours = sealer(tmp_path / "nowhere")
    ours.public_keys = tmp_path / "public-keys"
    deed()
    seal(ours)
    first = Anchored.objects.get()
    seal(ours)

    assert "cannot be written" in first.error
    assert Anchored.objects.get().failing_since == first.failing_since is not None


@pytest.mark.django_db
def test_a_database_that_was_set_back_writes_so_in_the_ledger(ours: Sealer, tmp_path: Path) -> None:
    deed()
    seal(ours)
    lost = {"batch": 7, "hash": "00" * 32}
    (tmp_path / "anchors.jsonl").write_text(f'{{"batch": {lost["batch"]}, "hash": "{lost["hash"]}"}}\n')
    deed()
    seal(ours)
    seal(ours)

    told = Entry.objects.filter(verb="ledger.history_replaced").values_list("detail", flat=True)
    assert [(each["old_batch"], each["old_hash"]) for each in told] == [(lost["batch"], lost["hash"])]


@pytest.mark.django_db(transaction=True)
def test_many_writers_slow_ones_and_two_sealers_leave_no_entry_out_and_none_twice(tmp_path: Path) -> None:
    runs = [uuid4() for _ in range(4)]
    over, begun, may_end = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            record("thing.done", actor=CLARA, department="slow")
            begun.set()
            may_end.wait(10)
        connection.close()

    def write(number: int) -> None:
        for turn in range(8):
            with transaction.atomic():
                record("thing.done", actor=CLARA, department=f"d{number % 3}", turn=turn)
                record("thing.done", actor=CLARA, department="legal", run_id=runs[number % 4])
                transaction.set_rollback(turn == 3)
        connection.close()

    def keep_sealing() -> None:
        mine = sealer(tmp_path)
        while not over.is_set():
            mine.seal()
        connection.close()

    (tmp_path / "public-keys").touch()
    sealers = [threading.Thread(target=keep_sealing) for _ in range(2)]
    late = threading.Thread(target=slow)
    for thread in (late, *sealers):
        thread.start()
    begun.wait(10)
    with ThreadPoolExecutor(8) as many:
        list(many.map(write, range(8)))
    may_end.set()
    late.join()
    over.set()
    for thread in sealers:
        thread.join()
    sealer(tmp_path).seal()

    written = list(Entry.objects.values_list("pk", flat=True))
    assert len(written) == 8 * 7 * 2 + 1
    assert sorted(sealed_ids()) == sorted(written)
    assert [batch.number for batch in batches()] == list(range(1, len(batches()) + 1))
    assert [bytes(batch.previous) for batch in batches()[1:]] == [bytes(batch.hash) for batch in batches()[:-1]]


@pytest.mark.django_db
def test_new_keys_take_over_and_the_old_ones_stay_known(ours: Sealer, tmp_path: Path, monkeypatch) -> None:
    deed()
    seal(ours)
    monkeypatch.setattr(settings, "LEDGER_SIGNING_KEYS", _ring(tmp_path / "signing", settings.LEDGER_SIGNING_KEYS))
    monkeypatch.setattr(settings, "LEDGER_KEYS", _ring(tmp_path / "mac", settings.LEDGER_KEYS))
    deed()
    seal(ours)

    old, new = batches()
    assert old.key_id != new.key_id
    names = [line.partition(":")[0] for line in (tmp_path / "public-keys").read_text().split()]
    assert names == [new.key_id, old.key_id]
    assert new.count == 1


def _ring(path: Path, old):
    from config.key_rings import Keys

    path.write_text(old.file.read_text())
    ring = Keys("TEST", "", path)
    ring.add()
    return ring


_OLD = """
WITH entry AS (
    INSERT INTO audit_entry (id, at, department, actor_kind, actor_id, actor_label, verb, object_kind, object_id,
        object_label, detail, seq, mac, mac_key, form)
    VALUES (gen_random_uuid(), now(), 'legal', 'system', '', 'Tandem', 'thing.done', '', '', '', '{}', 900, '', '', 0)
    RETURNING id
)
INSERT INTO audit_unsealed SELECT id FROM entry
"""
