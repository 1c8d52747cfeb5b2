"""Entries hold nobody's name and nobody's words; whoever reads them sees both, until somebody is erased (rule A10)."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import InternalError, connection, transaction
from django.db.utils import IntegrityError

from audit import payloads
from audit.models import DataKey, Entry, Payload
from audit.payloads import Words
from audit.people import named
from audit.reading import Question, find
from audit.sentences import facts, sentence
from audit.services import record
from audit.verify.checking import Report, verify
from audit.verify.sources import Connection, opened
from audit.verify.trust import Trust, keys
from audit.verify.words import told
from departments.access import SYSTEM, actor_for_user
from departments.models import User
from tests import factories
from tests.audit.sealed import mac_keys, seal, sealer

pytestmark = pytest.mark.django_db(transaction=True)
REASON = "Clara asked me to, her child is ill."


def written() -> tuple[User, User, Entry]:
    """Britta handed a task to Clara, and said why."""
    clara, britta = (
        factories.make_user("Clara Vogel"),
        factories.make_user("Britta"),
    )
    with transaction.atomic():
        entry = record(
            "task.delegated", actor=actor_for_user(britta), thing=clara, to=named(clara), reason=Words(REASON)
        )
    return clara, britta, entry


def row_as_text(entry: Entry) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT entry::text FROM audit_entry AS entry WHERE id = %s", [entry.pk])
        return str(cursor.fetchone()[0])


def looked(folder: Path, *, with_keys: bool = True) -> Report:
    known = connection.settings_dict
    asked = {"dbname": known["NAME"], "user": known["USER"], "password": known["PASSWORD"], "port": known["PORT"]}
    source = Connection.to(psycopg.conninfo.make_conninfo(**asked, host=known["HOST"]))
    return verify(source, trust_of(folder, with_keys=with_keys))


def trust_of(folder: Path, *, with_keys: bool = True) -> Trust:
    return Trust(keys(folder / "public-keys"), codes=keys(mac_keys(folder)) if with_keys else None)


def test_an_entry_holds_ids_and_a_commitment_and_is_read_with_names_and_words() -> None:
    clara, _britta, entry = written()

    row, page = row_as_text(entry), find(Question(person="britt"), None)

    assert not [word for word in ("Clara", "Vogel", "Britta", "child", "example.com") if word in row]
    (shown,) = page.entries
    assert sentence(shown) == "Britta handed the task of Clara Vogel over to Clara Vogel"
    assert facts(shown) == {"reason": REASON}
    User.objects.filter(pk=clara.pk).update(name="Clara Holm")
    assert find(Question(text="Clara Holm"), None).entries == [entry]
    assert find(Question(text="Clara Vogel"), None).entries == []


def test_words_are_sealed_for_who_wrote_them_and_nobody_changes_them() -> None:
    _clara, britta, entry = written()

    (payload,) = Payload.objects.all()

    assert (payload.subject, payload.commitment) == (str(britta.pk), entry.detail["reason"]["commitment"])
    assert REASON.encode() not in bytes(payload.sealed)
    for statement in ("UPDATE audit_payload SET subject = 'x'", "TRUNCATE audit_payload"):
        with pytest.raises((IntegrityError, InternalError)), connection.cursor() as cursor:
            cursor.execute(statement)
    with transaction.atomic():
        plain = record("manual_mode.on", actor=SYSTEM, reason=Words("The server's own"), note=Words(""))
    assert (plain.detail, DataKey.objects.count()) == ({"reason": "The server's own", "note": ""}, 1)


def test_what_is_erased_is_unreadable_and_the_verifier_says_which_and_proves_the_rest(tmp_path: Path) -> None:
    _clara, britta, entry = written()
    ours = sealer(tmp_path)
    seal(ours)
    whole = looked(tmp_path)
    assert (whole.findings.told, whole.words, whole.compared, whole.erased) == ([], 1, 1, 0)

    with transaction.atomic():
        assert payloads.erase(str(britta.pk)) == 1
    taken_away = looked(tmp_path)
    with transaction.atomic():
        record("person.erased", actor=SYSTEM, thing=britta)
    User.objects.filter(pk=britta.pk).delete()
    seal(ours)

    assert [kind for kind, _ in taken_away.findings.told] == ["words"]
    for report in (looked(tmp_path), looked(tmp_path, with_keys=False), exported(tmp_path)):
        assert (report.findings.told, report.sealed, report.erased, report.words) == ([], report.entries, 1, 0)
        assert "1 were ERASED with who wrote them" in " ".join(told(report))
    shown = Entry.objects.shown().get(pk=entry.pk)
    assert sentence(shown) == "A person who was erased handed the task of Clara Vogel over to Clara Vogel"
    assert facts(shown) == {"reason": "(erased with who wrote it)"}


def exported(folder: Path) -> Report:
    """It says which words are there, and takes none of them along."""
    call_command("export_ledger", folder / "ledger.jsonl", stdout=(folder / "said").open("w"))
    return verify(opened(folder / "ledger.jsonl"), trust_of(folder))


def test_words_that_come_back_after_an_erasure_are_found(tmp_path: Path) -> None:
    """As from a backup: case G03 seen by the verifier."""
    _clara, britta, _entry = written()
    with transaction.atomic():
        record("person.erased", actor=SYSTEM, thing=britta)
    seal(sealer(tmp_path))

    assert [said for _, said in looked(tmp_path).findings.told if "was erased" in said]


def test_a_common_word_cannot_be_guessed_from_its_commitment() -> None:
    """Case G05, for the words that reasons are made of: the salt goes with the words."""
    said = [Words("ok"), Words("ok")]
    clara = factories.make_user("Clara Vogel")

    with transaction.atomic():
        one, other = (record("a.b", actor=actor_for_user(clara), reason=words).detail["reason"] for words in said)

    assert one["commitment"] != other["commitment"]
    assert settings.LEDGER_KEYS.known
