"""The admin: every model has its page, and each page asks who is there (cases Z04, Z14)."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import models, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Anchored, Batch, Counter, DataKey, Entry, Payload, Unsealed, Verification
from audit.services import record
from connectors.connections import Told, connect
from connectors.models import (
    Allowance,
    Breaker,
    Connection,
    Cost,
    GivenRole,
    GroupRole,
    IdentityProvider,
    Manifest,
    ManifestOperation,
    ManifestVersion,
    ModelCall,
    ModelRoute,
    RouteStop,
    Secret,
    Spending,
)
from departments.access import SYSTEM
from departments.links import create_sign_in_link
from departments.models import ApiToken, Department, LegalHold, Membership, Notice, Role, SignInLink, User
from departments.tokens import create_token
from tests.factories import (
    make_absence,
    make_decision,
    make_department,
    make_file,
    make_group,
    make_model,
    make_notice,
    make_publish_request,
    make_run,
    make_step,
    make_subscription,
    make_task,
    make_user,
    make_version,
    make_workflow,
)
from workflows.models import (
    Assignee,
    Attempt,
    Awaited,
    Budget,
    BudgetQuestion,
    Decision,
    Delivery,
    DeliveryTry,
    DraftEdit,
    FileUse,
    IdempotencyKey,
    JournalEntry,
    Look,
    ManualMode,
    Run,
    Sample,
    SavedStep,
    SavedStepVersion,
    Series,
    SeriesRow,
    Share,
    StepRun,
    StoredFile,
    Subscription,
    Taken,
    Task,
    Trigger,
    TriggerEvent,
    Version,
    Workflow,
)
from workflows.services.saving import keep_prompt

pytestmark = pytest.mark.django_db

APPS = ["audit", "departments", "connectors", "workflows"]
MODELS = [model for app in APPS for model in apps.get_app_config(app).get_models()]
CONTENT = [Workflow, Version, Run, StepRun, Attempt, JournalEntry, Task, StoredFile, Sample, DraftEdit]
CONTENT += [SavedStep, SavedStepVersion, Assignee, Decision, Look, ManualMode, Taken]
CONTENT += [Trigger, TriggerEvent, Awaited, Series, SeriesRow]
CONTENT += [Subscription, Delivery, DeliveryTry]
SEALS = [Anchored, Batch, Counter, DataKey, Payload, Unsealed, Verification]
NEVER_CHANGED = [
    Run,
    StepRun,
    Attempt,
    JournalEntry,
    Version,
    Entry,
    IdempotencyKey,
    Notice,
    Decision,
    Secret,
    Connection,
    ManifestVersion,
    ManifestOperation,
    *SEALS,
    RouteStop,
    ModelCall,
    Spending,
    Cost,
    Breaker,
    BudgetQuestion,
    FileUse,
    GroupRole,
    GivenRole,
]
SECRET = "the deal with Northwind"  # in every place that people write


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


@pytest.fixture
def administrator(legal: Department) -> User:
    """Who is no member of any department."""
    return make_user("Robin", is_superuser=True, is_staff=True)


@pytest.fixture
def content(legal: Department) -> dict[type[models.Model], models.Model]:
    """One row of every model, with something secret wherever people write."""
    written = {"text": SECRET}
    workflow = make_workflow(legal, {"name": "Check", "steps": [written]}, name="Check", description=SECRET)
    version = make_version(workflow)
    run = make_run(version, title=SECRET, inputs=written, output=written, error=written, scope=written)
    step = make_step(run, output=written, error=written, inside=written, signal=written, summary=SECRET)
    attempt = Attempt.objects.create(
        step=step, number=1, started_at=timezone.now(), given=written, calls=[written], error=written
    )
    journal = JournalEntry.objects.create(run=run, seq=1, event="step.done", detail=written)
    task = make_task(step, question=SECRET, draft=SECRET, shown=written, answer=written)
    voice = make_decision(task, make_user(), reason=SECRET, answer=written)
    looked = Look.objects.create(task=task, person=make_user())
    manual = ManualMode.objects.create(department=legal, reason=SECRET, on_by="Mona")
    model = make_model()
    with transaction.atomic():
        entry = record("workflow.published", actor=SYSTEM, department="legal", thing=workflow, version=1)
        record("run.started", actor=SYSTEM, department="legal", thing=run, run_id=run.pk)
        record("task.decided", actor=SYSTEM, department="legal", thing=task, decision="approve")
    member = make_user("Lea", department=legal, role=Role.BUILDER)
    token, _secret = create_token(legal, role="viewer", name="Archive", actor=SYSTEM)
    create_sign_in_link(member, actor=SYSTEM)
    route = ModelRoute.objects.create(name="Writers")
    stop = RouteStop.objects.create(route=route, position=1, model=model)
    allowance = Allowance.objects.create(department=legal, provider=model.provider)
    now, some = timezone.now(), {"workflow_id": workflow.pk, "month": date(2026, 11, 1)}
    paid = {**some, "run_id": run.pk, "step_id": step.pk, "provider": "P", "model": "m", "reserved_usd": 1}
    spent = [ModelCall.objects.create(department=legal, **paid), Budget.objects.create(department=legal)]
    money = {"soft_usd": 1, "spent_usd": 1, "reserved_usd": 0, "foreseen_usd": 9}
    spent += [BudgetQuestion.objects.create(department=legal, budget=spent[-1], month=some["month"], **money)]  # type: ignore[misc]
    spent += [Spending.objects.create(department=legal, subject=run.pk, month=date(2000, 1, 1))]
    spent += [Cost.objects.create(department=legal, **some, provider="P", model="m")]
    spent += [Breaker.objects.create(model=model, opened_at=now, open_until=now)]
    key = IdempotencyKey.objects.create(key="k", actor="token:1", route="POST /api/v1/runs", body=SECRET)
    rows = [key, workflow, version, run, step, attempt, journal, task, make_file(legal, f"{SECRET}.pdf"), model, entry]
    rows += spent
    rows += [route, stop, allowance, task.assignees.get(), voice, looked, manual]
    rows += [Taken.objects.create(workflow=workflow, step_id="a", source="0" * 64, key="1" * 64, run=run, path="a")]
    trigger = Trigger.objects.create(
        department=legal, workflow=workflow, kind="web.hook", title="Press room", inputs=written, made_by="Lea"
    )
    rows += [trigger, TriggerEvent.objects.create(trigger=trigger, key="1", title=SECRET, data=written, said=SECRET)]
    rows += [Awaited.objects.create(trigger=trigger, step=step, reference=SECRET)]
    series = Series.objects.create(
        department=legal, workflow=workflow, key="k", title=SECRET, total=1, started_by="Lea"
    )
    rows += [series, SeriesRow.objects.create(series=series, number=1, values=written, said=SECRET)]
    subscription = make_subscription(legal, f"https://archive.example/?{quote(SECRET)}")
    delivery = Delivery.objects.create(subscription=subscription, type="run.failed", data=written, said=SECRET)
    rows += [
        subscription,
        delivery,
        DeliveryTry.objects.create(delivery=delivery, code=500, answer=SECRET, problem=SECRET),
    ]
    rows += [Share.objects.create(workflow=workflow, person=member, shared_by="Lea")]
    rows += [make_publish_request(workflow, note=SECRET, reason=SECRET)]
    rows += [Sample.objects.create(workflow=workflow, step_id="a", kind="text.compose", output=written)]
    changed = {"do": "describe", "description": SECRET}
    rows += [DraftEdit.objects.create(workflow=workflow, revision=2, edit=changed, said=SECRET, before=written)]
    rows += [make_notice(member, department=legal, subject=SECRET, text=SECRET, html=SECRET)]
    kept = keep_prompt(legal, SECRET, title="Tone", note=SECRET, actor=SYSTEM)
    told = Told("Archive", {"address": "https://archive.example"}, {"secret": SECRET})
    connection = connect(legal, "http", told, actor=SYSTEM)
    rows += [kept.saved, kept, connection, connection.secret]
    shop = Manifest.objects.create(department=legal, name="petshop", title="Pet shop", made_by="Lea")
    # By hand: an import starts a process, and this is made for hundreds of tests.
    version = ManifestVersion.objects.create(manifest=shop, number=1, service={}, sha256="0" * 64, made_by="Lea")
    named = {"name": "list_pets", "title": "List pets", "method": "get", "path": "/pets", "level": "read"}
    rows += [shop, version, ManifestOperation.objects.create(version=version, position=0, content={}, **named)]
    rows += [make_group(legal, member), make_absence(member, date(2026, 12, 1), date(2026, 12, 4), note=SECRET)]
    seal = {"previous": b"", "root": b"", "hash": b"", "signature": b"", "departments": {}, "entries": [entry.pk]}
    rows += [
        Batch.objects.create(number=1, first=entry.pk, last=entry.pk, count=1, total=1, sealed_at=entry.at, **seal)
    ]
    rows += [Anchored.objects.create(place="file"), Verification.objects.create(exit_code=0)]
    rows += [LegalHold.objects.create(person=member, reason="A lawsuit")]
    rows += [DataKey.objects.create(subject="x", wrapped=b"", key_id="k")]
    rows += [Payload.objects.create(commitment="c", subject="x", salt=b"", sealed=b"")]
    rows += [FileUse.objects.get(bringer="", department=legal), Counter.objects.create(scope="elsewhere", last=7)]
    rows += [Unsealed.objects.get(pk=entry.pk)]
    office = IdentityProvider.objects.create(name="Office", slug="office", issuer="https://login.example")
    rows += [office, GroupRole.objects.create(provider=office, group="x", department=legal, role="viewer")]
    rows += [GivenRole.objects.create(provider=office, membership=Membership.objects.get())]
    rows += [model.provider, legal, member, token, SignInLink.objects.get(), Membership.objects.get()]
    return {type(row): row for row in rows}


def address(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def pages(row: models.Model) -> list[str]:
    model = type(row)
    return [address(model, "changelist"), address(model, "add")] + [
        address(model, page, row.pk) for page in ("change", "delete", "history")
    ]


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_its_page_and_can_be_searched(model: type[models.Model]) -> None:
    page = admin.site.get_model_admin(model)

    assert page.search_fields
    assert len(page.list_display) > 2


def test_an_administrator_lists_searches_and_filters_every_model(
    administrator: User, content: dict, django_assert_max_num_queries: Any
) -> None:
    """And a list costs the same however many rows it has."""
    assert set(MODELS) <= set(content), "give this test a row of the new model"
    client = signed_in(administrator)
    for model in MODELS:
        _list_search_and_filter(client, model)
        with django_assert_max_num_queries(14, info=str(model)):
            assert client.get(address(model, "changelist"), {"o": "-1"}).status_code == 200, model


def _list_search_and_filter(client: Client, model: type[models.Model]) -> None:
    filters = [offer if isinstance(offer, str) else offer[0] for offer in admin.site.get_model_admin(model).list_filter]
    questions = [{}, {"q": "legal"}, {"q": "00000000-0000-0000-0000-000000000000"}, {"q": "\x00"}]

    for question in [*questions, *({f"{name}__isnull": "False"} for name in filters)]:
        answer = client.get(address(model, "changelist"), question)
        assert answer.status_code == 200, (model, question)
        if not question.get("q"):
            assert answer.context["cl"].result_count >= 1, (model, question)


@pytest.mark.usefixtures("refused_without_a_page")
def test_the_admin_is_closed_to_everybody_else(content: dict, legal: Department) -> None:
    nobody = Client()
    manager = signed_in(make_user(department=legal, role=Role.MANAGER))
    staff = signed_in(make_user(is_staff=True, department=legal, role=Role.MANAGER))

    for path in (path for model in MODELS for path in pages(content[model])):
        assert nobody.get(path)["Location"].startswith("/admin/login/"), path
        assert manager.get(path)["Location"].startswith("/admin/login/"), path
        assert staff.get(path).status_code == 403, path
        assert staff.post(path, {"post": "yes"}).status_code == 403, path
    assert manager.get("/admin/login/").status_code == 403
    assert nobody.get("/admin/login/?next=/admin/")["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    assert all(type(row)._default_manager.filter(pk=row.pk).exists() for row in content.values())


def test_content_is_opened_by_members_only(content: dict, administrator: User, legal: Department) -> None:
    client = signed_in(administrator)
    for model in CONTENT:
        change, history = (address(model, page, content[model].pk) for page in ("change", "history"))
        before = client.get(change), client.get(history), client.get(address(model, "changelist"))
        assert [answer.status_code for answer in before] == [403, 403, 200], model
        assert "members only" in before[2].content.decode(), model

    Membership.objects.create(user=administrator, department=legal, role=Role.VIEWER)

    for model in CONTENT:
        pk = content[model].pk
        assert client.get(address(model, "change", pk)).status_code == 200, model
        assert f'href="{pk}/change/"' in client.get(address(model, "changelist")).content.decode(), model


def test_no_list_or_search_tells_an_administrator_what_people_wrote(content: dict, administrator: User) -> None:
    client = signed_in(administrator)
    for model in (*CONTENT, Entry, Notice):
        found = [client.get(address(model, "changelist")), client.get(address(model, "changelist"), {"q": "northwind"})]
        assert SECRET not in "".join(answer.content.decode() for answer in found), model
        assert found[1].context["cl"].result_count == 0, model


def test_no_autocomplete_tells_an_administrator_what_people_wrote(content: dict, administrator: User) -> None:
    client = signed_in(administrator)
    found = [
        client.get(
            "/admin/autocomplete/", {"app_label": "workflows", "model_name": name, "field_name": field, "term": ""}
        )
        for name, field in [
            ("steprun", "run"),
            ("run", "workflow"),
            ("run", "version"),
            ("attempt", "step"),
            ("task", "step"),
        ]
    ]

    assert SECRET not in "".join(answer.content.decode() for answer in found)
    assert [answer.json()["results"] for answer in found] == [[]] * 5


NO_FILTERS = [
    (Run, "title__startswith"),
    (Run, "inputs__text__startswith"),
    (Task, "question__startswith"),
    (StoredFile, "name__startswith"),
    (StepRun, "run__title__startswith"),
    (Attempt, "step__output__text__startswith"),
    (Workflow, "description__startswith"),
    (Workflow, "versions__definition__name__startswith"),
    (User, "password__startswith"),
    (User, "sign_in_links__digest__startswith"),
    (ApiToken, "digest__startswith"),
    (SignInLink, "digest__startswith"),
    (Department, "runs__title__startswith"),
]


def test_a_column_that_is_not_offered_as_a_filter_answers_nothing(content: dict, administrator: User) -> None:
    client = signed_in(administrator)
    for model, lookup in NO_FILTERS:
        assert client.get(address(model, "changelist"), {lookup: "the"}).status_code == 400, (model, lookup)


@pytest.mark.usefixtures("refused_without_a_page")
def test_what_the_product_writes_nobody_changes_here(content: dict, administrator: User, legal: Department) -> None:
    Membership.objects.create(user=administrator, department=legal, role=Role.MANAGER)
    client = signed_in(administrator)
    for model in NEVER_CHANGED:
        _cannot_be_changed(client, model, content[model])


def _cannot_be_changed(client: Client, model: type[models.Model], row: models.Model) -> None:
    before = model._default_manager.filter(pk=row.pk).values().get()

    answers = [
        client.get(address(model, "add")),
        client.post(address(model, "add"), {}),
        client.post(address(model, "change", row.pk), {}),
        client.get(address(model, "delete", row.pk)),
        client.post(address(model, "delete", row.pk), {"post": "yes"}),
    ]
    client.post(
        address(model, "changelist"), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    )

    assert [answer.status_code for answer in answers] == [403] * 5, model
    assert client.get(address(model, "change", row.pk)).status_code == 200
    assert model._default_manager.filter(pk=row.pk).values().get() == before


@pytest.mark.parametrize("model", [User, ApiToken, SignInLink])
def test_no_digest_is_ever_shown(model: type[models.Model], content: dict, administrator: User) -> None:
    row = content[model]
    secrets = [administrator.password, *ApiToken.objects.values_list("digest", flat=True)]
    secrets += SignInLink.objects.values_list("digest", flat=True)
    client = signed_in(administrator)

    shown = "".join(client.get(path).content.decode() for path in pages(row))

    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.usefixtures("refused_without_a_page")
def test_permission_for_one_model_opens_this_one_only(content: dict) -> None:
    staff = make_user(is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_department"))
    client = signed_in(staff)

    opened = [model for model in MODELS if client.get(address(model, "changelist")).status_code == 200]

    assert opened == [Department]


def test_odd_addresses_do_no_harm(content: dict, administrator: User) -> None:
    client = signed_in(administrator)
    for model, path in product(MODELS, ["?_popup=1&_facets=True&o=99", "?p=1000&all=", "?e=1"]):
        answer = client.get(address(model, "changelist") + path, follow=True)
        assert answer.status_code == 200, (model, path)
        assert SECRET not in answer.content.decode(), (model, path)


def test_the_site_is_called_by_its_name(administrator: User) -> None:
    page = signed_in(administrator).get("/admin/").content.decode()

    assert "Tandem administration" in page


def test_passwords_are_changed_on_the_pages_that_the_ledger_sees(administrator: User) -> None:
    answer = signed_in(administrator).get("/admin/password_change/")

    assert answer["Location"] == "/accounts/password/change/"
