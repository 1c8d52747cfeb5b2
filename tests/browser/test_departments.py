"""Planning an absence, and setting up a department, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from departments.access import SYSTEM
from departments.models import ApiToken, Department, Role, User
from departments.tokens import create_token
from tests.factories import (
    make_absence,
    make_department,
    make_group,
    make_member,
    make_run,
    make_step,
    make_task,
    make_user,
    make_version,
    make_workflow,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]
SignIn = Callable[[User], None]


def today() -> date:
    return timezone.now().date()


@pytest.fixture
def legal() -> Department:
    """In UTC, so that its today is the day that these tests reckon with at any hour."""
    return make_department("Legal", time_zone="UTC")


def test_a_person_plans_an_absence_with_a_stand_in_and_comes_back_early(
    page: Page, legal: Department, sign_in: SignIn, seen: Seen
) -> None:
    lea, tom = make_user("Lea Hoffmann", legal), make_user("Tom Eriksson", legal)
    later = today() + timedelta(days=40)
    make_absence(tom, later, later + timedelta(days=4), lea)
    sign_in(lea)

    page.goto("/tasks/")
    page.get_by_role("button", name="Account of Lea Hoffmann").click()
    page.get_by_role("link", name="My absence").click()
    page.get_by_label("First day").fill(today().isoformat())
    page.get_by_label("Last day").fill((today() + timedelta(days=3)).isoformat())
    page.get_by_label("Stand-in").select_option(label="Tom Eriksson")
    page.get_by_label("Note").fill("Walking in the Alps")
    page.get_by_role("button", name="Plan it").click()
    planned = page.get_by_role("region", name="Planned").get_by_role("listitem")
    expect(planned).to_contain_text("Tom Eriksson stands in")
    expect(page.get_by_role("region", name="You stand in for")).to_contain_text("Tom Eriksson")
    seen("absence")

    page.get_by_label("First day").fill(today().isoformat())
    page.get_by_label("Last day").fill(today().isoformat())
    page.expected = ("422",)
    page.get_by_role("button", name="Plan it").click()
    expect(page.get_by_role("alert")).to_contain_text("Lea Hoffmann is away already")
    seen("absence-refused")
    page.goto("/absence/")
    planned.get_by_role("button", name="I am back").click()

    expect(page.get_by_role("status").first).to_contain_text("has ended")
    expect(page.get_by_role("region", name="Planned")).to_have_count(0)


def test_a_manager_changes_the_hours_and_sees_what_they_would_mean_before_saving(
    page: Page, legal: Department, sign_in: SignIn, seen: Seen
) -> None:
    henrik = make_user("Henrik Falk", legal, Role.MANAGER)
    make_absence(make_user("Lea Hoffmann", legal), today(), today() + timedelta(days=3), henrik)
    make_group(legal, henrik, name="Press and public affairs")
    sign_in(henrik)

    page.goto("/absence/")
    page.get_by_role("button", name="Account of Henrik Falk").click()
    page.get_by_role("link", name="Department", exact=True).click()
    due = page.locator("#due")
    expect(due).to_contain_text("A question asked now with 8 hours to decide is due")
    seen("department")
    for weekday in ("Tuesday", "Wednesday", "Thursday", "Friday"):
        for end in ("from", "to"):
            page.get_by_label(f"{weekday}, part 1, {end}").fill("")
    page.get_by_label("Monday, part 1, from").fill("08:00")
    page.get_by_label("Monday, part 1, to").fill("09:00")
    page.get_by_label("Monday, part 1, to").blur()
    expect(due).to_contain_text("Monday")
    page.get_by_role("button", name="Monday's hours for Tuesday to Friday").click()
    expect(page.get_by_label("Friday, part 1, from")).to_have_value("08:00")
    page.get_by_label("Country").select_option(label="Germany")
    page.get_by_label("Part of the country").select_option(label="Berlin")
    expect(page.locator("#places")).to_contain_text("The next ones:")
    page.get_by_label("Day off 1", exact=True).fill("2027-12-24")
    page.get_by_role("button", name="Save the hours").click()

    expect(page.get_by_role("status").first).to_contain_text("The hours of Legal have been saved")
    legal.refresh_from_db()
    assert legal.working_hours == {
        day: [["08:00", "09:00"]] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
    }
    assert (legal.holidays_of, legal.days_off) == ("DE-BE", ["2027-12-24"])

    page.expected = ("422",)
    page.get_by_label("Monday, part 1, to").fill("07:00")
    page.get_by_role("button", name="Save the hours").click()
    expect(page.get_by_text("Monday: 08:00 to 07:00 ends before it begins")).to_be_visible()
    seen("department-refused")


def test_a_manager_makes_and_deletes_a_group(page: Page, legal: Department, sign_in: SignIn, seen: Seen) -> None:
    henrik = make_user("Henrik Falk", legal, Role.MANAGER)
    make_user("Lea Hoffmann", legal)
    sign_in(henrik)

    page.goto("/departments/legal/")
    groups = page.get_by_role("region", name="Groups")
    groups.get_by_label("Name").fill("Deals")
    groups.get_by_label("Lea Hoffmann").check()
    groups.get_by_label("Builder").check()
    groups.get_by_role("button", name="Make the group").click()
    expect(groups.locator("summary").first).to_contain_text("Builder: Lea Hoffmann")
    expect(page.get_by_role("region", name="People")).to_contain_text("Builder (group Deals)")
    groups.locator("summary").first.click()
    seen("department-group")
    groups.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_role("status").first).to_contain_text("The group Deals has been deleted")


def test_a_manager_of_several_departments_chooses_one(
    page: Page, legal: Department, sign_in: SignIn, seen: Seen
) -> None:
    henrik = make_user("Henrik Falk", legal, Role.MANAGER)
    make_member(henrik, make_department("Press"), Role.MANAGER)
    sign_in(henrik)

    page.goto("/departments/")
    seen("departments")
    page.get_by_role("link", name="Press").click()

    expect(page.get_by_role("heading", name="Press", level=1)).to_be_visible()


def test_a_manager_lets_somebody_leave_and_a_colleague_takes_it_all(
    page: Page, legal: Department, sign_in: SignIn, seen: Seen
) -> None:
    lea, tom = make_user("Lea Hoffmann", legal, Role.BUILDER), make_user("Tom Eriksson", legal, Role.BUILDER)
    workflow = make_workflow(legal, name="Contracts about to end", owner=lea)
    step = make_step(make_run(make_version(workflow)), status="waiting")
    make_task(step, person=lea, question="May the notice of 30 June go out as it stands?")
    token, _ = create_token(legal, role=Role.OPERATOR, name="Contract archive", actor=SYSTEM)
    ApiToken.objects.filter(pk=token.pk).update(created_by=lea)
    sign_in(make_user("Maren Holt", legal, Role.MANAGER))

    page.goto("/departments/legal/")
    page.get_by_role("link", name=re.compile("Leaves.*Lea Hoffmann")).click()
    held = page.get_by_role("region", name="What Lea Hoffmann holds in Legal")
    expect(held.get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_label("End “Contract archive”")).to_be_checked()
    page.get_by_label("A member of the department").select_option(label="Tom Eriksson")
    seen("somebody-leaves")
    page.get_by_role("button", name="Hand over and take the roles away").click()

    expect(page.locator("#messages")).to_contain_text("Tom Eriksson has what they held.")
    expect(page.get_by_role("region", name="People")).not_to_contain_text("Lea Hoffmann")
    workflow.refresh_from_db()
    assert workflow.owner == tom
