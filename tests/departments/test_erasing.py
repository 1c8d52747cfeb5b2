"""A person who has left is erased, unless a legal hold forbids it, and stays erased after a restore (A10 to A12)."""

from __future__ import annotations

from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from audit.models import DataKey, Entry, Payload
from audit.payloads import Words
from audit.sentences import sentence
from audit.services import record
from departments import erasing, erasures, holds
from departments.access import SYSTEM, actor_for_user
from departments.links import create_sign_in_link
from departments.models import LegalHold, Role, User
from departments.services import deactivate_user, reactivate_user, remove_member
from tests import factories
from tests.departments.written import told
from workflows.models import Decision, JournalEntry, PublishRequest, Run, Task

pytestmark = pytest.mark.django_db
NAME, EMAIL = "Clara Zimmerling", "clara.zimmerling@tandem.example"
GONE = "a person who was erased"


@pytest.fixture(autouse=True)
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any) -> Path:
    monkeypatch.setattr(erasures, "_file", lambda: tmp_path / "erased-people")
    return tmp_path / "erased-people"


def somebody() -> tuple[User, Task]:
    """She decided, gave a reason, could sign in in four ways, and mails told of her."""
    legal = factories.make_department("Legal")
    clara = factories.make_user(NAME, legal, Role.APPROVER, email=EMAIL, password="a long one 123")
    run = factories.make_run(factories.make_version(factories.make_workflow(legal), published_by=NAME), started_by=NAME)
    step = factories.make_step(run, output={"by": NAME, "text": "Yes"}, summary=f"approved by {NAME}", made_by=NAME)
    answer = {"decision": "approve", "by": NAME}
    task = factories.make_task(step, status="decided", decided_by=clara, decided_by_label=NAME, answer=answer)
    factories.make_decision(task, clara, answer=answer)
    Run.objects.filter(pk=run.pk).update(starter_kind="person", starter_id=str(clara.pk))
    task.assignees.update(until=Now())
    refused = {"code": "rejected", "message": f"{NAME} rejected it."}
    Run.objects.filter(pk=run.pk).update(output={"asked": [{"by": NAME}]}, error=refused)
    entry = {"seq": 1, "at": timezone.now(), "event": "run.accepted", "path": "", "detail": {"by": NAME}}
    JournalEntry.objects.create(run=run, **entry)
    factories.make_publish_request(run.workflow, asker_kind="person", asker_id=str(clara.pk), note="Clara asks")
    with transaction.atomic():
        told = {"decision": "approve", "reason": Words("My mother knows them.")}
        record("task.decided", actor=actor_for_user(clara), department="legal", thing=task, run_id=run.pk, **told)
    create_sign_in_link(clara, actor=SYSTEM)
    EmailAddress.objects.create(user=clara, email=EMAIL)
    SocialAccount.objects.create(user=clara, provider="office", uid="4711")
    factories.make_absence(clara, date(2026, 12, 1), date(2026, 12, 4))
    return clara, task


def leaves(person: User) -> None:
    for membership in person.memberships.all():
        remove_member(membership, actor=SYSTEM)
    deactivate_user(person, actor=SYSTEM)
    person.refresh_from_db()


def everything() -> str:
    """All rows of all tables as text."""
    with connection.cursor() as cursor:
        tables = [table for table in connection.introspection.table_names(cursor) if table != "spatial_ref_sys"]
        found = []
        for table in tables:
            cursor.execute(f'SELECT row::text FROM "{table}" AS row')
            found += [f"{table}: {row}" for (row,) in cursor.fetchall()]
    return "\n".join(found)


def test_nothing_in_the_database_names_an_erased_person_and_what_she_decided_stays(
    register: Path, django_capture_on_commit_callbacks: Any
) -> None:
    clara, task = somebody()
    leaves(clara)
    assert all(said in everything() for said in (NAME, EMAIL))
    words = Payload.objects.filter(subject=str(clara.pk)).count()

    with django_capture_on_commit_callbacks(execute=True):
        old = erasing.erase_person(clara, reason="She asked for it.", actor=SYSTEM)

    left = [line for line in everything().splitlines() if "Zimmerling" in line or EMAIL in line]
    assert (old, left, words) == (0, [], 1)
    assert not DataKey.objects.filter(subject=str(clara.pk))
    assert not Payload.objects.filter(subject=str(clara.pk))
    assert not Authenticator.objects.filter(user=clara)
    assert not SocialAccount.objects.filter(user=clara)
    assert str(clara.pk) in register.read_text()
    assert "Zimmerling" not in register.read_text()
    decided = Entry.objects.shown().get(verb="task.decided")
    assert sentence(decided).startswith("A person who was erased decided “approve” for")
    decision = Decision.objects.get(task=task)
    assert (decision.by_label, decision.person_id, decision.decision) == (GONE, clara.pk, "approve")
    assert told("verb", "detail", verb="person.erased")[0][1]["reason"] == "She asked for it."
    with pytest.raises(ValidationError, match="erased already"):
        erasing.erase_person(clara, reason="Again", actor=SYSTEM)


def test_what_is_in_the_way_is_said_and_only_an_administrator_erases() -> None:
    clara, _task = somebody()
    factories.make_task(person=clara)

    with pytest.raises(PermissionDenied):
        erasing.erase_person(clara, reason="x", actor=actor_for_user(clara))
    with pytest.raises(ValidationError) as refused:
        erasing.erase_person(clara, reason="x", actor=SYSTEM)
    said = " ".join(refused.value.messages)
    assert all(each in said for each in ("may still sign in", "has not left Legal", "1 open tasks ask"))
    leaves(clara)
    with pytest.raises(ValidationError, match="Say why"):
        erasing.erase_person(clara, reason=" ", actor=SYSTEM)


def test_old_entries_that_hold_the_name_are_counted_and_a_namesake_keeps_hers() -> None:
    clara, _task = somebody()
    namesake = factories.make_user(NAME)
    version = factories.make_version(factories.make_workflow(), published_by=NAME)
    Entry.objects.create(verb="a.b", actor_kind="person", actor_id=str(clara.pk), actor_label=NAME, seq=901)
    Entry.objects.create(verb="a.b", actor_kind="system", actor_label="Tandem", seq=902, detail={"to": f"{NAME}, x"})
    leaves(clara)

    found = erasing.outlook(clara)
    erasing.erase_person(clara, reason="x", actor=SYSTEM)

    assert (found.obstacles, found.old_entries, found.namesakes) == ([], 2, 1)
    version.refresh_from_db()
    assert (version.published_by, str(namesake)) == (NAME, NAME)  # nobody can tell whose it was
    assert sentence(Entry.objects.shown().get(seq=901)).startswith(GONE)


def test_a_legal_hold_forbids_erasing_until_it_is_lifted_and_all_of_it_is_in_the_ledger() -> None:
    """Rule A12, case G04."""
    clara, task = somebody()
    leaves(clara)
    legal = factories.make_department("Other")
    manager = actor_for_user(factories.make_user("Mona", legal, Role.MANAGER))
    with pytest.raises(PermissionDenied):
        holds.set_hold(person=clara, reason="A lawsuit", actor=manager)

    hold = holds.set_hold(person=clara, reason="A lawsuit", actor=SYSTEM)
    with pytest.raises(ValidationError, match=r"A legal hold on Clara Zimmerling .* forbids it: A lawsuit"):
        erasing.erase_person(clara, reason="x", actor=SYSTEM)
    with pytest.raises(ValidationError, match="already"):
        holds.set_hold(person=clara, reason="Once more", actor=SYSTEM)
    holds.lift_hold(hold, reason="It is over.", actor=SYSTEM)
    # What she did there counts, though she is no member any more.
    where = holds.set_hold(department=task.department, reason="Audit", actor=SYSTEM)
    with pytest.raises(ValidationError, match="A legal hold on Legal"):
        erasing.erase_person(clara, reason="x", actor=SYSTEM)
    own = holds.set_hold(department=legal, reason="Ours", actor=manager)
    holds.lift_hold(own, reason="Done", actor=manager)
    holds.lift_hold(where, reason="Done", actor=SYSTEM)
    erasing.erase_person(clara, reason="x", actor=SYSTEM)

    verbs = [verb for (verb,) in told("verb") if verb.startswith(("hold.", "person.eras"))]
    assert verbs == [
        *("hold.set", "person.erasure_refused", "hold.lifted", "hold.set", "person.erasure_refused"),
        *("hold.set", "hold.lifted", "hold.lifted", "person.erased"),
    ]


def test_whom_a_restored_database_knows_again_is_erased_before_anything_starts(register: Path) -> None:
    """Rule A11: the register is a file, and stands when the database is set back."""
    clara, _task = somebody()  # as in the backup: active, a member, with all her words
    erasures.add(str(clara.pk))

    assert [person.pk for person in erasing.outstanding()] == [clara.pk]
    assert (erasing.replay(), erasing.replay()) == (1, 0)

    clara.refresh_from_db()
    assert (clara.name, clara.is_active, clara.memberships.count()) == (GONE, False, 0)
    assert not [line for line in everything().splitlines() if "Zimmerling" in line]
    assert Entry.objects.get(verb="person.erased").detail["again"] is True
    register.unlink()
    erasures.told()  # as another host learns it, from the ledger
    assert erasures.register() == {str(clara.pk)}


def test_the_command_and_the_desk_look_twice_before_they_erase(monkeypatch: pytest.MonkeyPatch) -> None:
    clara, task = somebody()
    desk = Client()
    desk.force_login(factories.make_user("Robin", is_superuser=True, is_staff=True))
    chosen = {"action": "erase", "_selected_action": [str(clara.pk)]}
    with pytest.raises(CommandError, match="may still sign in"):
        call_command("erase_person", EMAIL, reason="x", stdout=StringIO())
    assert "This is in the way" in desk.post("/admin/departments/user/", chosen).content.decode()
    leaves(clara)

    monkeypatch.setattr("builtins.input", lambda _: "somebody@else.example")
    with pytest.raises(CommandError, match="Nobody was erased"):
        call_command("erase_person", EMAIL, reason="x", stdout=StringIO())
    look = desk.post("/admin/departments/user/", chosen)
    wrong = desk.post("/admin/departments/user/", {**chosen, "reason": "x", "typed": "robin@x.example"})
    clara.refresh_from_db()
    assert (look.status_code, wrong.status_code, clara.name) == (200, 422, NAME)
    desk.post("/admin/departments/user/", {**chosen, "reason": "She asked.", "typed": EMAIL})

    clara.refresh_from_db()
    assert clara.name == GONE
    desk.post(
        "/admin/departments/legalhold/add/", {"person": "", "department": str(task.department_id), "reason": "Case 7"}
    )
    (hold,) = LegalHold.objects.all()
    desk.post(f"/admin/departments/legalhold/{hold.pk}/change/", {"lifted_because": "Over"})
    hold.refresh_from_db()
    assert (hold.reason, hold.lifted_because, hold.lifted_at is not None) == ("Case 7", "Over", True)


def test_only_whole_names_go_from_texts_however_long_and_in_html_too() -> None:
    ann, bo = factories.make_user("Ann O'Hara"), factories.make_user()
    texts = {"subject": f"{'x' * 180} Ann O'Hara", "text": "Ann O'Hara, and Joann O'Harald"}
    notice = factories.make_notice(bo, **texts, html="<p>Ann O&#x27;Hara</p>")
    deactivate_user(ann, actor=SYSTEM)

    erasing.erase_person(User.objects.get(pk=ann.pk), reason="asked for it", actor=SYSTEM)

    notice.refresh_from_db()
    assert notice.subject == f"{'x' * 180} {GONE}"[:200]
    assert (notice.text, notice.html) == (f"{GONE}, and Joann O'Harald", f"<p>{GONE}</p>")


def test_what_comes_between_the_look_and_the_deed_is_seen() -> None:
    clara, _ = somebody()
    leaves(clara)
    stale = User.objects.get(pk=clara.pk)
    holds.set_hold(person=clara, reason="a claim", actor=SYSTEM)
    with pytest.raises(ValidationError, match="legal hold"), transaction.atomic():
        erasing._erase(clara, SYSTEM)
    holds.lift_hold(LegalHold.objects.get(), reason="settled", actor=SYSTEM)
    with pytest.raises(ValidationError, match="without the name"):
        erasing.erase_person(clara, reason=f"{NAME} asked", actor=SYSTEM)

    erasing.erase_person(clara, reason="asked for it", actor=SYSTEM)

    with pytest.raises(ValidationError, match="was erased"):
        reactivate_user(stale, actor=SYSTEM)
    with pytest.raises(ValidationError, match="erased already"):
        holds.set_hold(person=stale, reason="too late", actor=SYSTEM)
    run = Run.objects.get()
    assert (run.output, run.error["message"]) == ({"asked": [{"by": GONE}]}, f"{GONE} rejected it.")
    assert (JournalEntry.objects.get().detail, PublishRequest.objects.get().note) == ({"by": GONE}, "")


def test_a_hold_that_cannot_be_set_or_lifted_says_why_on_the_desk() -> None:
    clara, desk = factories.make_user(NAME), Client()
    desk.force_login(factories.make_user(is_staff=True, is_superuser=True))
    add = "/admin/departments/legalhold/add/"
    assert desk.post(add, {"person": clara.pk, "reason": "a claim"}).status_code == 302
    change = f"/admin/departments/legalhold/{LegalHold.objects.get().pk}/change/"

    answers = [
        desk.post(add, {"person": clara.pk, "reason": "another"}),
        desk.post(add, {"reason": "of nobody"}),
        desk.post(change, {"lifted_because": "  "}),
    ]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert all(answer.context["adminform"].form.errors for answer in answers)
    assert LegalHold.objects.get().lifted_at is None
