"""The ledger's page: who may read what, searching, paging."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client

from audit.models import Entry, Verification
from audit.services import record
from departments.access import SYSTEM, Actor
from departments.models import Department, Role, User
from tests.audit.sealed import seal, sealer
from tests.factories import make_department, make_user

pytestmark = pytest.mark.django_db

CLARA = Actor(kind="person", id="0190b2b0-0000-7000-8000-000000000001", label="Clara Vogel")
ARCHIVE = Actor(kind="token", id="2", label="Contract archive")


@pytest.fixture(autouse=True)
def clara() -> User:
    return make_user("Clara Vogel", id=CLARA.id)


@pytest.fixture
def marketing() -> Department:
    return make_department("Marketing")


@pytest.fixture
def auditor() -> User:
    return make_user("Greta", is_auditor=True)


@transaction.atomic
def write(
    verb: str = "workflow.created", department: Department | None = None, actor: Actor = CLARA, **detail
) -> Entry:
    return record(verb, actor=actor, department=department.slug if department else "", thing=department, **detail)


def read(user: User, **question: str) -> list[str]:
    """The sentences on the page, newest first, without those about the sign-in of this very test."""
    client = Client()
    client.force_login(user)
    return [line for line in sentences(client.get("/ledger/", question)) if not line.endswith("signed in")]


def sentences(answer) -> list[str]:
    return [line.sentence for line in answer.context["lines"]]


def test_somebody_signed_out_is_asked_to_sign_in(client: Client) -> None:
    assert client.get("/ledger/")["Location"] == "/accounts/login/?next=/ledger/"


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.MANAGER])
def test_other_roles_are_refused(client: Client, legal: Department, role: str) -> None:
    client.force_login(make_user(department=legal, role=role))

    assert client.get("/ledger/").status_code == 403


@pytest.mark.parametrize("rights", [{}, {"is_superuser": True, "is_staff": True}], ids=["stranger", "administrator"])
def test_who_belongs_to_no_department_is_refused(client: Client, rights: dict[str, bool]) -> None:
    client.force_login(make_user(**rights))

    assert client.get("/ledger/").status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_ledger_can_only_be_read(client: Client, auditor: User, method: str) -> None:
    client.force_login(auditor)

    assert getattr(client, method)("/ledger/").status_code == 405


def test_a_manager_reads_what_happened_in_the_own_department_only(marketing: Department, legal: Department) -> None:
    write(department=marketing)
    write(department=legal)
    write("person.password_set")
    henrik = make_user(department=legal, role=Role.MANAGER)

    assert read(henrik) == ["Clara Vogel created the workflow Legal"]
    assert read(henrik, text="Marketing") == []


@pytest.mark.parametrize("asked", ["marketing", "-", "sales"])
def test_asking_for_a_foreign_department_is_refused_and_shows_nothing_foreign(
    client: Client, marketing: Department, legal: Department, asked: str
) -> None:
    write(department=marketing)
    write("person.password_set")
    client.force_login(make_user(department=legal, role=Role.MANAGER))

    answer = client.get("/ledger/", {"department": asked})

    assert answer.status_code == 422
    assert sentences(answer) == []


def test_an_auditor_reads_everything(marketing: Department, legal: Department, auditor: User) -> None:
    write(department=marketing)
    write(department=legal)
    write("person.password_set")

    assert read(auditor) == [
        "Clara Vogel chose a password",
        "Clara Vogel created the workflow Legal",
        "Clara Vogel created the workflow Marketing",
    ]


def test_an_auditor_of_a_server_without_departments_reads_too(auditor: User) -> None:
    assert read(auditor) == []


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ({"department": "legal"}, [3, 2]),
        ({"department": "-"}, [4]),
        ({"person": "archive"}, [3]),
        ({"verb": "run.started"}, [3]),
        ({"verb": "in_admin"}, [4]),
        ({"text": "mark"}, [1]),
        ({"text": "started"}, [3]),
        ({"text": "100%"}, []),
        ({"department": "legal", "person": "clara", "text": "legal"}, [2]),
        ({"since": "2020-01-01"}, [4, 3, 2, 1]),
        ({"until": "2020-01-01"}, []),
        ({"until": "2199-12-31", "since": "2000-01-01"}, [4, 3, 2, 1]),
    ],
)
def test_searching(
    marketing: Department, legal: Department, auditor: User, question: dict[str, str], found: list[int]
) -> None:
    written = {
        1: write(department=marketing),
        2: write(department=legal),
        3: write("run.started", legal, ARCHIVE),
        4: write("aimodel.changed_in_admin"),
    }
    client = Client()
    client.force_login(auditor)

    shown = [line.entry.pk for line in client.get("/ledger/", question).context["lines"]]

    assert [number for number in reversed(written) if written[number].pk in shown] == found
    assert [pk for pk in shown if pk in {entry.pk for entry in written.values()}] == [written[n].pk for n in found]


@pytest.mark.parametrize(
    "question",
    [
        {"since": "yesterday"},
        {"since": "9999-12-31"},
        {"until": "0001-01-01"},
        {"verb": "x'; DROP TABLE audit_entry"},
        {"before": "1"},
        {"text": "a\x00b"},
        {"person": "x" * 101},
    ],
    ids=lambda question: next(iter(question)),
)
def test_a_question_that_cannot_be_meant_is_named(auditor: User, client: Client, question: dict[str, str]) -> None:
    client.force_login(auditor)

    answer = client.get("/ledger/", question)

    assert answer.status_code == 422
    assert "td-error" in answer.content.decode()


def test_days_are_whole(auditor: User, legal: Department) -> None:
    for number, at in enumerate(
        ["2026-03-01T23:59:59.999", "2026-03-02T00:00", "2026-03-02T23:59:59.999", "2026-03-03T00:00"]
    ):
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
        Entry.objects.create(at=moment, actor_kind="person", actor_label="x", verb=f"a.b{number}", seq=number + 100)

    assert read(auditor, since="2026-03-02", until="2026-03-02") == ["x: a b2", "x: a b1"]


def test_pages_neither_repeat_nor_lose_a_line_while_others_write(
    client: Client, auditor: User, legal: Department
) -> None:
    client.force_login(auditor)
    written = [write("run.started", legal, number=number).pk for number in range(120)]
    seen, query = [], "department=legal"

    while query:
        answer = client.get(f"/ledger/?{query}")
        seen += [line.entry.pk for line in answer.context["lines"]]
        query = answer.context["older"]
        write("run.started", legal)

    assert seen == written[::-1]


def test_a_cursor_that_points_nowhere_is_only_a_place(client: Client, auditor: User, legal: Department) -> None:
    client.force_login(auditor)
    write(department=legal)

    assert client.get("/ledger/", {"before": str(uuid4())}).status_code == 200


def test_htmx_gets_only_the_entries(client: Client, auditor: User) -> None:
    client.force_login(auditor)

    fragment = client.get("/ledger/", headers={"HX-Request": "true"}).content.decode()
    restored = client.get("/ledger/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})

    assert fragment.startswith('<section id="entries"')
    assert "<html" not in fragment
    assert "<html" in restored.content.decode()


def test_a_session_that_ended_takes_the_whole_page_to_the_sign_in(client: Client) -> None:
    answer = client.get("/ledger/", headers={"HX-Request": "true"})

    assert answer["HX-Redirect"] == "/accounts/login/?next=/ledger/"


def test_a_line_leads_to_its_run_for_those_who_may_open_it(client: Client, auditor: User, legal: Department) -> None:
    run = uuid4()
    with transaction.atomic():
        record("run.started", actor=CLARA, department="legal", run_id=run)
    henrik = make_user(department=legal, role=Role.MANAGER)

    client.force_login(henrik)
    assert f"/runs/{run}/" in client.get("/ledger/").content.decode()
    client.force_login(auditor)
    assert f"/runs/{run}/" not in client.get("/ledger/").content.decode()


def test_what_people_wrote_is_shown_as_text(client: Client, auditor: User, legal: Department) -> None:
    client.force_login(auditor)
    Department.objects.update(name="<script>alert(1)</script>")
    write(department=Department.objects.get(), note="<img src=x onerror=alert(1)>")

    page = client.get("/ledger/").content.decode()

    assert "<script>alert" not in page
    assert "<img" not in page


def test_a_page_costs_few_queries_however_many_lines(
    client: Client, auditor: User, legal: Department, django_assert_max_num_queries
) -> None:
    client.force_login(auditor)
    for _ in range(60):
        write(department=legal)

    with django_assert_max_num_queries(12):
        assert client.get("/ledger/").status_code == 200


def test_the_server_itself_is_named_as_who_did_it(auditor: User, legal: Department) -> None:
    write(department=legal, actor=SYSTEM)

    assert read(auditor) == ["Tandem created the workflow Legal"]


def test_the_page_says_how_far_the_ledger_is_sealed_anchored_and_verified(
    client: Client, auditor: User, legal: Department, tmp_path: Path
) -> None:
    client.force_login(auditor)
    before = client.get("/ledger/").content.decode()
    seal(sealer(tmp_path))
    Verification.objects.create(exit_code=0, entries=1)

    whole, fragment = client.get("/ledger/"), client.get("/ledger/", headers={"HX-Request": "true"})

    assert "Nothing yet" in before
    assert "Nowhere yet" in before
    page = whole.content.decode()
    for text in ("until 20", "outside the database", "UTC: nothing was found"):
        assert text in page
    assert whole.context["standing"].troubles == {}
    assert "outside the database" not in fragment.content.decode()


def test_what_is_wrong_with_the_ledger_is_told_to_auditors_and_to_managers_only_that_it_is(
    client: Client, auditor: User, legal: Department
) -> None:
    Verification.objects.create(exit_code=1, findings=["[number] Of department press entries are missing: number 3."])
    pages = []
    for user in (auditor, make_user(department=legal, role=Role.MANAGER)):
        client.force_login(user)
        pages.append(client.get("/ledger/").content.decode())

    assert ["entries are missing" in page for page in pages] == [True, False]
    assert ["administrators have been told" in page for page in pages] == [False, True]


def test_what_is_found_is_taken_along_as_a_table_and_as_lines_and_the_ledger_says_so(
    client: Client, auditor: User, legal: Department, marketing: Department
) -> None:
    write(department=marketing)
    write("thing.done", legal, Actor(kind="token", id="3", label="=1+1"), note="a,b")
    client.force_login(auditor)

    table = list(csv.DictReader(io.StringIO(client.get("/ledger/ledger.csv?department=legal").content.decode())))
    head, line = map(json.loads, client.get("/ledger/ledger.jsonl?department=legal&verb=").content.splitlines()[:2])

    assert [(row["actor_label"], row["verb"], row["detail"]) for row in table] == [
        ("'=1+1", "thing.done", '{"note": "a,b"}')
    ]
    assert (head["whole"], line["department"], line["seq"]) == (False, "legal", 1)
    told = Entry.objects.filter(verb="ledger.exported").order_by("id").values_list("department", "detail")
    assert list(told) == [("legal", {"form": "csv", "entries": 1}), ("legal", {"form": "jsonl", "entries": 2})]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_exports_ask_who_is_there_as_the_page_does(
    client: Client, legal: Department, marketing: Department, form: str
) -> None:
    address = f"/ledger/ledger.{form}"
    write(department=marketing)
    signed_out = client.get(address)
    client.force_login(make_user(department=legal, role=Role.BUILDER))
    wrong_role = client.get(address)
    client.force_login(make_user(department=legal, role=Role.MANAGER))

    assert signed_out["Location"].startswith("/accounts/login/")
    assert wrong_role.status_code == 403
    assert client.get(address, {"department": "marketing"}).status_code == 404
    assert "Marketing" not in client.get(address).content.decode()
