"""Signing in, choosing a password, reading the ledger and the admin, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from audit.models import Verification
from audit.services import record
from departments.access import SYSTEM
from departments.links import create_sign_in_link
from departments.models import Department, Role, User
from tests.audit.sealed import seal, sealer
from tests.factories import make_department, make_run, make_user, make_version, make_workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery"

Seen = Callable[[str], None]
SignIn = Callable[[User], None]


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


@transaction.atomic
def write_ledger(department: Department) -> None:
    run = make_run(make_version(make_workflow(department, name="NDA check")))
    record("run.started", actor=SYSTEM, department=department.slug, thing=run, run_id=run.pk)
    record("workflow.published", actor=SYSTEM, department=department.slug, thing=run.workflow, version=1, note="First")


def test_a_new_person_comes_in_by_the_link_chooses_a_password_and_signs_in_with_it(
    page: Page, legal: Department, seen: Seen
) -> None:
    lea = make_user("Lea Hoffmann", legal, Role.OPERATOR, email="lea@tandem.example")
    token = create_sign_in_link(lea, actor=SYSTEM)

    page.goto(f"/sign-in/{token}/")
    expect(page.get_by_role("heading", name="Welcome, Lea Hoffmann")).to_be_visible()
    seen("sign-in-link")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Choose a password")).to_be_visible()
    seen("password-set")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password, once more").fill(PASSWORD)
    page.get_by_role("button", name="Save the password").click()
    page.get_by_role("button", name="Account of Lea Hoffmann").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("E-mail address").fill("lea@tandem.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_role("button", name="Account of Lea Hoffmann")).to_be_visible()


def test_a_wrong_password_and_a_used_link_say_what_to_do(page: Page, seen: Seen) -> None:
    page.expected = ("404", "410")
    page.goto("/accounts/login/")
    page.get_by_label("E-mail address").fill("nobody@tandem.example")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("not correct")
    seen("sign-in-refused")

    page.get_by_role("link", name="I do not know my password").click()
    expect(page.get_by_role("button", name="Send the link")).to_be_visible()
    seen("password-reset")

    page.goto("/sign-in/unknown/")
    expect(page.get_by_role("link", name="Sign in with a password")).to_be_visible()
    seen("sign-in-link-unknown")


def test_the_ledger_is_searched_while_typing_and_leads_to_the_run(
    page: Page, legal: Department, sign_in: SignIn, seen: Seen, tmp_path: Path
) -> None:
    write_ledger(legal)
    write_ledger(make_department("Marketing"))
    sign_in(make_user("Henrik Falk", legal, Role.MANAGER))
    seal(sealer(tmp_path))
    Verification.objects.create(
        exit_code=1, entries=6, findings=["[gone] Entry 0190b2b0-0000-7000-8000-000000000001 is gone."]
    )

    page.goto("/ledger/")
    lines = page.get_by_role("region", name="Entries").get_by_role("listitem")
    expect(lines).to_have_count(2)
    seen("ledger")
    page.get_by_label("What was done").select_option("run.started")
    expect(lines).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing of this kind")
    expect(page.get_by_text("Nothing found")).to_be_visible()
    expect(page).to_have_url(re.compile("text=nothing"))
    page.go_back()
    expect(lines).to_have_count(1)
    page.get_by_role("link", name="Open the run").click()

    expect(page).to_have_url(re.compile("/runs/"))


def test_the_admin_works_under_the_strict_policy(page: Page, legal: Department, sign_in: SignIn) -> None:
    sign_in(make_user("Robin Castell", is_staff=True, is_superuser=True))
    make_user("Lea Hoffmann")

    page.goto(f"/admin/departments/department/{legal.pk}/change/")
    page.get_by_text("Add another Membership").click()
    page.locator(".select2-selection").first.click()
    page.get_by_role("option", name="Lea Hoffmann").click()
    page.locator("select[name$=role]").first.select_option("operator")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert list(legal.memberships.values_list("user__name", "role")) == [("Lea Hoffmann", "operator")]
