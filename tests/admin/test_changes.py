"""What is changed in the admin goes through the services and stands in the ledger (cases Z05, Z14, A22)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from connectors.models import AiModel, Manifest, ModelRoute, Provider
from departments.models import ApiToken, Department, Group, Membership, Role, User
from departments.tokens import token_for
from tests.connectors.manifests.petshop import described
from tests.factories import (
    make_department,
    make_group,
    make_member,
    make_model,
    make_provider,
    make_user,
    make_workflow,
)
from workflows.models import Budget

pytestmark = pytest.mark.django_db

HOURS = {"working_hours": '{"monday": [["08:00", "12:00"]]}', "holidays_of": "", "days_off": ""}
HOURS |= {f"initial-{name}": HOURS[name] for name in ("working_hours",)}  # hidden beside the fields
NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


@pytest.fixture
def robin() -> User:
    return make_user("Robin", is_superuser=True, is_staff=True)


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


@pytest.fixture
def desk(client: Client, robin: User) -> Client:
    client.force_login(robin)
    return client


def address(thing: Any, page: str) -> str:
    args = [] if isinstance(thing, type) else [thing.pk]
    return reverse(f"admin:{thing._meta.app_label}_{thing._meta.model_name}_{page}", args=args)


def written() -> list[tuple[str, str, str, dict[str, Any]]]:
    """The ledger, oldest first, without signing in: verb, department, object, detail. All of it was Robin."""
    entries = Entry.objects.shown().exclude(verb="person.signed_in").order_by("id")
    assert {entry.actor_label for entry in entries} <= {"Robin"}
    return [(entry.verb, entry.department, entry.object_label, entry.detail) for entry in entries]


def act(desk: Client, action: str, *rows: Any) -> Any:
    chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
    return desk.post(address(type(rows[0]), "changelist"), chosen, follow=True)


def person(user: User, **changed: Any) -> dict[str, Any]:
    """The form of a person as the page would send it."""
    flags = ("is_active", "is_staff", "is_superuser", "is_auditor")
    held = {flag: "on" for flag in flags if changed.pop(flag, getattr(user, flag))}
    return {"email": user.email, "name": user.name, **NO_MEMBERS, **held, **changed}


def test_a_new_person_gets_a_link_that_is_shown_this_once(desk: Client) -> None:
    answer = desk.post(address(User, "add"), {"email": "Lea@Tandem.example", "name": "Lea", "is_auditor": "on"})

    lea = User.objects.get(email="lea@tandem.example")
    link = re.search(r"http://\S+(/sign-in/[\w-]+/)", answer.content.decode())[1]
    assert "no-store" in answer.headers["Cache-Control"]
    assert link not in desk.get(address(User, "changelist")).content.decode()
    assert link not in str(dict(desk.session))
    assert (lea.is_auditor, lea.is_staff, lea.has_usable_password()) == (True, False, False)
    assert [verb for verb, *_ in written()] == ["person.created", "sign_in_link.created"]
    assert Client().post(link)["Location"] == "/accounts/password/set/"


def test_a_second_person_with_the_same_address_is_refused_in_the_form(desk: Client, robin: User) -> None:
    answer = desk.post(address(User, "add"), {"email": robin.email.upper(), "name": "Other Robin"})

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors.keys() == {"email"}


def test_an_administrator_may_open_the_administration(desk: Client) -> None:
    desk.post(address(User, "add"), {"email": "kim@tandem.example", "name": "Kim", "is_superuser": "on"})
    kim, lea = User.objects.get(name="Kim"), make_user("Lea")
    desk.post(address(lea, "change"), person(lea, is_superuser=True))
    lea.refresh_from_db()

    assert (kim.is_superuser, kim.is_staff) == (lea.is_superuser, lea.is_staff) == (True, True)


def test_rights_an_address_a_name_and_activity_each_stand_in_the_ledger(desk: Client) -> None:
    lea = make_user("Lea", email="lea@tandem.example")

    desk.post(address(lea, "change"), person(lea, name="Lea H.", email="new@tandem.example", is_auditor=True))
    lea.refresh_from_db()
    desk.post(address(lea, "change"), person(lea, is_active=False))

    assert written() == [
        ("person.rights_changed", "", "Lea H.", {"before": [], "after": ["is_auditor"]}),
        ("person.email_changed", "", "Lea H.", {}),
        ("user.changed_in_admin", "", "Lea H.", {"fields": ["email", "name", "is_auditor"]}),
        ("person.deactivated", "", "Lea H.", {}),
    ]
    lea.refresh_from_db()
    assert (lea.email, lea.name, lea.is_auditor, lea.is_active) == ("new@tandem.example", "Lea H.", True, False)


def test_saving_without_a_change_writes_nothing(desk: Client) -> None:
    lea = make_user("Lea")

    desk.post(address(lea, "change"), person(lea))

    assert written() == []


def test_the_last_administrator_cannot_be_taken_away(desk: Client, robin: User) -> None:
    for lost in ("is_active", "is_superuser"):
        answer = desk.post(address(robin, "change"), person(robin, **{lost: False}))
        assert "is the last administrator" in answer.content.decode()

    assert "is the last administrator" in act(desk, "deactivate", robin).content.decode()
    robin.refresh_from_db()
    assert robin.is_active
    assert robin.is_superuser


def test_nobody_is_deleted(desk: Client, robin: User, legal: Department) -> None:
    lea = make_user(department=legal)

    assert desk.post(address(lea, "delete"), {"post": "yes"}).status_code == 403
    assert desk.post(address(legal, "delete"), {"post": "yes"}).status_code == 403
    act(desk, "delete_selected", lea)

    assert User.objects.filter(pk=lea.pk).exists()


@pytest.mark.parametrize(
    "forged", [{"password": "x"}, {"id": "0" * 32}, {"date_joined": "2000-01-01"}, {"last_login": "2000-01-01"}]
)
def test_fields_that_the_form_does_not_show_cannot_be_sent(desk: Client, forged: dict[str, str]) -> None:
    lea = make_user("Lea")
    before = User.objects.filter(pk=lea.pk).values().get()

    desk.post(address(lea, "change"), {**person(lea), **forged})

    assert User.objects.filter(pk=lea.pk).values().get() == before


def test_chosen_people_are_deactivated_and_activated_again(desk: Client, robin: User) -> None:
    lea, jonas = make_user("Lea"), make_user("Jonas")

    act(desk, "deactivate", lea, jonas)
    act(desk, "activate", lea, robin)

    assert [User.objects.get(pk=user.pk).is_active for user in (lea, jonas)] == [True, False]
    assert sorted(verb for verb, *_ in written()) == ["person.deactivated"] * 2 + ["person.reactivated"]


def test_whoever_is_locked_out_gets_a_new_link_and_may_choose_a_new_password(desk: Client) -> None:
    lea, gone = make_user("Lea", password="forgotten long ago"), make_user(is_active=False)

    answer = act(desk, "forget_passwords", lea, gone)

    link = re.findall(r"(/sign-in/[\w-]+/)", answer.content.decode())
    assert len(link) == 1
    assert Client().post(link[0])["Location"] == "/accounts/password/set/"
    assert written() == [("sign_in_link.created", "", "Lea", {"forget_password": True})]


def test_staff_who_may_change_people_make_nobody_an_administrator_and_no_links(legal: Department) -> None:
    from django.contrib.auth.models import Permission

    staff = make_user(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(content_type__app_label="departments"))
    desk = Client()
    desk.force_login(staff)

    answers = [
        desk.post(address(staff, "change"), person(staff, is_superuser=True)),
        act(desk, "make_links", make_user("Robin", is_superuser=True)),
        desk.post(address(Membership, "add"), {"user": staff.pk, "department": legal.pk, "role": "manager"}),
        desk.post(address(ApiToken, "add"), {"name": "x", "department": legal.pk, "role": "manager", "days": "9"}),
        desk.post(address(User, "add"), {"email": "x@tandem.example", "name": "X", "is_superuser": "on"}),
        desk.post(
            address(Department, "add"), {"name": "X", "slug": "x", "time_zone": "UTC", "egress_hosts": "", **HOURS}
        ),
    ]

    assert [answer.status_code for answer in answers] == [403] * 6
    assert not User.objects.get(pk=staff.pk).is_superuser
    assert not Membership.objects.exists()
    assert not ApiToken.objects.exists()


def test_roles_are_given_and_taken_beside_a_person(desk: Client, legal: Department) -> None:
    lea = make_user("Lea")
    operator = make_member(lea, legal, Role.OPERATOR)
    roles = {
        "memberships-TOTAL_FORMS": "2",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": operator.pk,
        "memberships-0-user": lea.pk,
        "memberships-0-DELETE": "on",
        "memberships-1-user": lea.pk,
        "memberships-1-department": legal.pk,
        "memberships-1-role": "builder",
    }

    answer = desk.post(address(lea, "change"), person(lea, **roles))

    assert answer.status_code == 302, answer.context["errors"]
    again = {**roles, "memberships-0-id": lea.memberships.get().pk, "memberships-0-DELETE": ""}
    twice = desk.post(address(lea, "change"), person(lea, **again))
    assert "holds this role there already" in twice.text
    assert list(lea.memberships.values_list("role", flat=True)) == ["builder"]
    assert written() == [
        ("member.removed", "legal", "Lea", {"role": "operator"}),
        ("member.added", "legal", "Lea", {"role": "builder"}),
    ]


def test_a_role_is_never_rewritten(desk: Client, legal: Department) -> None:
    lea = make_user("Lea", department=legal, role=Role.VIEWER)
    membership = lea.memberships.get()
    forged = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": membership.pk,
        "memberships-0-department": legal.pk,
        "memberships-0-role": "manager",
    }

    desk.post(address(lea, "change"), person(lea, **forged))
    refused = desk.post(address(membership, "change"), {"user": lea.pk, "department": legal.pk, "role": "manager"})

    membership.refresh_from_db()
    assert (membership.role, refused.status_code) == ("viewer", 403)


def test_roles_on_their_own_page_write_the_ledger_too(desk: Client, legal: Department) -> None:
    lea = make_user("Lea")
    role = {"user": lea.pk, "department": legal.pk, "role": "approver"}

    desk.post(address(Membership, "add"), role)
    twice = desk.post(address(Membership, "add"), role)
    desk.post(address(Membership.objects.get(), "delete"), {"post": "yes"})

    assert twice.status_code == 200
    assert written() == [
        ("member.added", "legal", "Lea", {"role": "approver"}),
        ("member.removed", "legal", "Lea", {"role": "approver"}),
    ]
    assert not Membership.objects.exists()


def test_a_department_is_made_with_its_hours_and_they_are_changed(desk: Client) -> None:
    form = {"name": "Press", "slug": "press", "time_zone": "UTC", "egress_hosts": "", **HOURS, "holidays_of": "DE-BE"}

    desk.post(address(Department, "add"), form)
    press = Department.objects.get(slug="press")
    form |= NO_MEMBERS
    refused = desk.post(address(press, "change"), {**form, "holidays_of": "XX"})
    desk.post(address(press, "change"), {**form, "days_off": "2026-12-24\r\n"})

    press.refresh_from_db()
    assert (press.working_hours, press.holidays_of) == ({"monday": [["08:00", "12:00"]]}, "DE-BE")
    assert press.days_off == ["2026-12-24"]
    assert "The holidays of “XX” are not known" in refused.content.decode()
    assert written() == [
        ("department.created", "press", "Press", {}),
        ("department.changed_in_admin", "press", "Press", {"fields": ["days_off"]}),
    ]


def test_a_group_is_made_changed_and_deleted(desk: Client, legal: Department) -> None:
    lea, tom = make_user("Lea", department=legal), make_user("Tom", department=legal)

    desk.post(address(Group, "add"), {"department": legal.pk, "name": "Deals", "slug": "deals", "members": [lea.pk]})
    deals = Group.objects.get(department=legal, slug="deals")
    desk.post(address(deals, "change"), {"name": "Contracts", "members": [tom.pk]})
    deals.refresh_from_db()
    assert (deals.name, list(deals.members.all())) == ("Contracts", [tom])
    desk.post(address(deals, "delete"), {"post": "yes"})

    assert written() == [
        ("group.made", "legal", "Deals", {"members": ["Lea"]}),
        ("group.changed", "legal", "Contracts", {"added": ["Tom"], "removed": ["Lea"]}),
        ("group.deleted", "legal", "Contracts", {}),
    ]
    assert not Group.objects.exists()


def test_a_group_of_strangers_or_of_a_name_that_is_taken_is_refused_in_the_form(
    desk: Client, legal: Department
) -> None:
    stranger = make_user("Stranger")
    make_group(legal, name="Deals")
    form = {"department": legal.pk, "name": "Deals", "slug": "deals", "members": []}

    twice = desk.post(address(Group, "add"), form)
    strange = desk.post(address(Group, "add"), {**form, "slug": "other", "members": [stranger.pk]})

    assert "has a group of this name already" in twice.content.decode()
    assert "Stranger: not in Legal" in strange.content.decode()
    assert Group.objects.count() == 1


def test_a_role_of_a_group_is_shown_as_such_and_taken_there(desk: Client, legal: Department) -> None:
    tom = make_user("Tom")
    form = {"department": legal.pk, "name": "Deals", "slug": "deals", "members": [tom.pk], "roles": ["builder"]}
    desk.post(address(Group, "add"), form)
    deals, given = Group.objects.get(), Membership.objects.get()
    taken = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "1",
        "memberships-0-id": given.pk,
        "memberships-0-user": tom.pk,
        "memberships-0-DELETE": "on",
    }

    listed, page = desk.get(address(Membership, "changelist")).text, desk.get(address(tom, "change")).text
    refused = desk.post(address(tom, "change"), person(tom, **taken))
    forbidden = desk.post(address(given, "delete"), {"post": "yes"}).status_code
    chosen = {"action": "delete_selected", "_selected_action": [given.pk], "post": "yes"}
    desk.post(address(Membership, "changelist"), chosen)
    assert tom.memberships.get() == given
    desk.post(address(deals, "change"), {"name": "Deals", "members": [tom.pk], "roles": ["viewer"]})
    assert [each.role for each in tom.memberships.all()] == ["viewer"]
    desk.post(address(deals, "delete"), {"post": "yes"})

    assert ("the group Deals" in listed, "the group Deals" in page) == (True, True)
    assert "Take the person out of the group instead" in refused.text
    assert forbidden == 403
    assert not tom.memberships.exists()


def test_somebody_deactivated_gets_no_role_and_the_form_says_why(desk: Client, legal: Department) -> None:
    gone = make_user("Gone", is_active=False)

    answer = desk.post(address(Membership, "add"), {"user": gone.pk, "department": legal.pk, "role": "viewer"})

    assert "Gone is deactivated" in answer.content.decode()


def test_a_new_token_is_shown_once(desk: Client, legal: Department) -> None:
    form = {"name": "Archive", "department": legal.pk, "role": "operator", "days": "30"}

    answer = desk.post(address(ApiToken, "add"), form)

    secret = re.search(r"tdm_[\w-]{43}", answer.content.decode())[0]
    token = token_for(secret)
    assert (token.name, token.role) == ("Archive", "operator")
    assert token.expires_at.date() == (timezone.now() + timedelta(days=30)).date()
    assert token.created_by.name == "Robin"
    assert secret not in desk.get(address(token, "change")).content.decode()
    assert written() == [("token.created", "legal", "Archive", {"role": "operator"})]


@pytest.mark.parametrize("days", ["0", "366", "-1", ""])
def test_a_token_lives_a_year_at_most(desk: Client, legal: Department, days: str) -> None:
    form = {"name": "Archive", "department": legal.pk, "role": "operator", "days": days}

    assert desk.post(address(ApiToken, "add"), form).status_code == 200
    assert not ApiToken.objects.exists()


def test_chosen_tokens_are_revoked_at_once(desk: Client, legal: Department) -> None:
    desk.post(address(ApiToken, "add"), {"name": "A", "department": legal.pk, "role": "viewer", "days": "9"})
    token = ApiToken.objects.get()

    act(desk, "revoke", token)

    assert ApiToken.objects.get().revoked_at is not None
    assert written()[-1] == ("token.revoked", "legal", "A", {})


def test_a_department_is_made_and_changed_but_keeps_the_name_that_the_ledger_knows(desk: Client) -> None:
    form = {"name": "Sales", "slug": "sales", "time_zone": "Europe/Stockholm", "egress_hosts": "api.example.com"}
    form |= HOURS

    desk.post(address(Department, "add"), form)
    sales = Department.objects.get()
    changed = {**form, "name": "Sales and Service", "slug": "other", "egress_hosts": "", **NO_MEMBERS}
    desk.post(address(sales, "change"), changed)

    sales.refresh_from_db()
    assert (sales.name, sales.slug, sales.egress_hosts) == ("Sales and Service", "sales", [])
    assert written() == [
        ("department.created", "sales", "Sales", {}),
        ("department.changed_in_admin", "sales", "Sales and Service", {"fields": ["name", "egress_hosts"]}),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_zone", "Europe/Atlantis"),
        ("time_zone", "../../etc/passwd"),
        ("days_off", "tomorrow"),
        ("egress_hosts", '"api.example.com"'),
        ("egress_hosts", "[1]"),
        ("egress_hosts", "api.example.com/path"),
        ("egress_hosts", "ftp://api.example.com"),
        ("egress_hosts", "127.0.0.1.nip.io\n*.com"),
        ("egress_hosts", "a b"),
        ("egress_hosts", "{"),
    ],
)
def test_a_department_with_an_unknown_time_zone_or_a_wrong_host_is_refused(
    desk: Client, field: str, value: str
) -> None:
    form = {"name": "Sales", "slug": "sales", "time_zone": "UTC", "egress_hosts": "", **HOURS, field: value}

    answer = desk.post(address(Department, "add"), form)

    assert answer.context["adminform"].form.errors.keys() == {field}
    assert not Department.objects.exists()


def test_providers_and_models_write_which_fields_changed(desk: Client) -> None:
    provider = make_provider("Northwind AI")
    model = make_model(provider, "large-1")
    local = {"name": "Local", "base_url": "http://127.0.0.1:1/v1", "enabled": "on", "for_all": "on"}

    desk.post(address(Provider, "add"), local)
    page = desk.get(address(model, "change")).context["adminform"].form
    shown = {name: page[name].value() for name in page.fields}
    form = {name: value for name, value in shown.items() if value is not None and value is not False}
    desk.post(address(model, "change"), {**form, "price_in": "2.5"})
    desk.post(address(model, "delete"), {"post": "yes"})
    desk.post(
        address(Provider, "changelist"),
        {"action": "delete_selected", "_selected_action": [provider.pk], "post": "yes"},
    )

    assert [(verb, thing, detail.get("fields")) for verb, _, thing, detail in written()] == [
        ("provider.added_in_admin", "Local", ["name", "base_url"]),
        ("aimodel.changed_in_admin", "large-1", ["price_in"]),
        ("aimodel.removed_in_admin", "large-1", None),
        ("provider.removed_in_admin", "Northwind AI", None),
    ]


def test_one_model_is_the_default(desk: Client) -> None:
    first, second = make_model(name="first", is_default=True), make_model(name="second")

    refused = act(desk, "take_as_default", first, second)
    act(desk, "take_as_default", second)

    assert "exactly one" in refused.content.decode()
    assert AiModel.objects.get(is_default=True) == second
    assert written() == [("aimodel.changed_in_admin", "", "second", {"fields": ["is_default"]})]


def test_a_workflow_is_renamed_by_members_who_may_edit_and_its_draft_stays(
    desk: Client, robin: User, legal: Department
) -> None:
    workflow = make_workflow(legal, name="Check")
    make_member(robin, legal, Role.VIEWER)
    form = {"name": "Check contracts", "description": "", "owner": "", "draft": "{}", "slug": "x"}

    refused = desk.post(address(workflow, "change"), form)
    make_member(robin, legal, Role.BUILDER)
    desk.post(address(workflow, "change"), form)

    before = workflow.draft, workflow.slug
    workflow.refresh_from_db()
    assert refused.status_code == 403
    assert (workflow.name, (workflow.draft, workflow.slug)) == ("Check contracts", before)
    refused_entry, changed = written()
    assert (refused_entry[0], refused_entry[3]["about"]) == ("access.refused", [str(workflow.pk)])
    assert changed == ("workflow.changed_in_admin", "legal", "Check contracts", {"fields": ["name"]})


def test_a_service_is_imported_and_changed_by_versions(desk: Client, robin: User) -> None:
    document = SimpleUploadedFile("shop.json", described("https://shop.example"))

    assert desk.post(address(Manifest, "add"), {"document": document}).status_code == 302
    shop = Manifest.objects.get()
    bad = desk.post(address(shop, "change"), {"document": SimpleUploadedFile("a.json", b"[]"), "service": "{}"})
    service = {**shop.versions.get().service, "title": "Shop of pets"}
    assert desk.post(address(shop, "change"), {"service": json.dumps(service)}).status_code == 302

    shop.refresh_from_db()
    assert "holds no description" in bad.content.decode()
    assert (shop.title, shop.latest) == ("Shop of pets", 2)
    assert [verb for verb, *_ in written()] == ["manifest.imported", "manifest.changed"]


def test_a_key_is_sealed_and_never_shown_and_who_may_use_the_provider_is_named(desk: Client, legal: Department) -> None:
    provider = make_provider("Northwind AI", for_all=False)
    form = {"name": "Northwind AI", "enabled": "on", "key": "sk-northwind-0123456789"}
    form |= {"allowances-TOTAL_FORMS": "1", "allowances-INITIAL_FORMS": "0", "allowances-0-provider": str(provider.pk)}
    form |= {"allowances-0-department": str(legal.pk), "allowances-0-model": ""}

    desk.post(address(provider, "change"), form)
    page = desk.get(address(provider, "change")).content.decode()

    provider.refresh_from_db()
    assert provider.secret is not None
    assert "sk-northwind" not in page
    assert [(verb, department) for verb, department, _, _ in written()] == [
        ("provider.changed_in_admin", ""),
        ("provider.key_sealed", ""),
        ("allowance.given", "legal"),
    ]


def test_no_key_and_no_address_are_said_in_the_form_of_a_provider(desk: Client) -> None:
    for field, given in (
        ("key", "sk-1"),
        ("key", "sk with blanks"),
        ("base_url", "acme"),
        ("base_url", "ftp://a.b/v1"),
    ):
        answer = desk.post(address(Provider, "add"), {"name": "Acme AI", "for_all": "on", field: given})
        assert (answer.status_code, list(answer.context["adminform"].form.errors)) == (200, [field])

    assert not Provider.objects.exists()


def test_a_route_takes_models_that_are_alike_only(desk: Client) -> None:
    first, other = make_model(jurisdiction="EU"), make_model(jurisdiction="United States")
    form = {"name": "writers", "enabled": "on", "stops-TOTAL_FORMS": "2", "stops-INITIAL_FORMS": "0"}
    form |= {"stops-0-position": "1", "stops-0-model": str(first.pk)}
    form |= {"stops-1-position": "2", "stops-1-model": str(other.pk)}

    refused = desk.post(address(ModelRoute, "add"), form).content.decode()
    AiModel.objects.update(jurisdiction="EU")
    desk.post(address(ModelRoute, "add"), form)

    assert "may not stand in one route" in refused
    assert [stop.model for stop in ModelRoute.objects.get().stops.all()] == [first, other]
    assert [verb for verb, *_ in written()] == ["modelroute.added_in_admin", "route.changed"]


def test_a_limit_that_asks_too_late_and_a_price_below_nothing_are_said_at_their_fields(
    desk: Client, legal: Department
) -> None:
    asked = desk.post(address(Budget, "add"), {"department": legal.pk, "month_usd": "1", "soft_usd": "5"})
    model = make_model()
    page = desk.get(address(model, "change")).context["adminform"].form
    form = {name: page[name].value() for name in page.fields}
    form = {name: value for name, value in form.items() if value is not None and value is not False}

    assert asked.context["adminform"].form.errors == {
        "soft_usd": ["The owner would be asked too late: write no more than the most for a month."]
    }
    for name in ("price_in", "price_out", "price_cached"):
        answer = desk.post(address(model, "change"), {**form, name: "-1"})
        assert list(answer.context["adminform"].form.errors) == [name]


def test_a_budget_is_set_by_its_service(desk: Client, legal: Department) -> None:
    form = {"department": str(legal.pk), "month_usd": "50", "soft_usd": "40"}

    refused = desk.post(address(Budget, "add"), {**form, "soft_usd": "60"})
    desk.post(address(Budget, "add"), form)

    assert (refused.status_code, Budget.objects.get().soft_usd) == (200, 40)
    assert [(verb, thing) for verb, _, thing, _ in written()] == [("budget.set", "Legal")]
