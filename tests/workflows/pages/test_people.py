"""The pages about people: planning an absence, a department's hours, its groups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Entry
from audit.sentences import sentence
from departments import holds
from departments.access import SYSTEM
from departments.models import Absence, Department, Group, Role, User
from tests.factories import make_absence, make_department, make_group, make_member, make_user

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]

NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)  # a Monday, 11:00 in Berlin


@pytest.fixture(autouse=True)
def today() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


@pytest.fixture
def lea(legal: Department) -> User:
    return make_user("Lea", department=legal)


@pytest.fixture
def henrik(legal: Department) -> User:
    return make_user("Henrik", department=legal, role=Role.MANAGER)


def week(**days: str) -> dict[str, str]:
    """monday="09:00-12:00 13:00-17:00" as the form sends it."""
    return {
        f"{day}-{number}-{end}": clock
        for day, parts in days.items()
        for number, part in enumerate(parts.split())
        for end, clock in zip(("from", "to"), part.split("-"), strict=True)
    }


def test_a_person_plans_the_own_absence(signed_in: SignIn, legal: Department, lea: User) -> None:
    tom = make_user("Tom", department=legal)

    form = {"starts": "2026-12-01", "ends": "2026-12-04", "stand_in": tom.pk, "note": "Holiday"}
    answer = signed_in(lea).post(reverse("absence"), form, follow=True)

    absence = Absence.objects.get()
    assert (absence.user, absence.starts, absence.ends) == (lea, date(2026, 12, 1), date(2026, 12, 4))
    assert (absence.stand_in, absence.note) == (tom, "Holiday")
    page = answer.content.decode()
    assert "The absence has been planned" in page
    assert "Tuesday 1 December 2026 – Friday 4 December 2026" in page
    assert "Tom stands in" in page


def test_only_active_people_of_the_own_departments_are_offered_to_stand_in(
    signed_in: SignIn, legal: Department, lea: User
) -> None:
    press = make_department()
    make_member(lea, press)
    make_user("Tom", department=legal)
    make_user("Ida", department=press)
    make_user("Gone", department=legal, is_active=False)
    stranger = make_user("Yara", department=make_department())

    desk = signed_in(lea)
    offered = desk.get(reverse("absence")).context["form"].fields["stand_in"].queryset
    refused = desk.post(reverse("absence"), {"starts": "2026-12-01", "ends": "2026-12-04", "stand_in": stranger.pk})

    assert [person.name for person in offered] == ["Ida", "Tom"]
    assert refused.status_code == 422
    assert not Absence.objects.exists()


def test_a_refused_plan_comes_back_as_it_was_typed_with_the_reason_at_its_field(signed_in: SignIn, lea: User) -> None:
    answer = signed_in(lea).post(reverse("absence"), {"starts": "2026-11-01", "ends": "2026-11-04", "note": "Fishing"})

    assert answer.status_code == 422
    assert "These days are over" in answer.context["form"].errors["ends"][0]
    assert 'value="2026-11-01"' in answer.content.decode()
    assert 'value="Fishing"' in answer.content.decode()


@pytest.mark.parametrize("starts", ["", "soon", "2026-02-30", "99999-01-01"])
def test_days_that_are_none_are_refused(signed_in: SignIn, lea: User, starts: str) -> None:
    answer = signed_in(lea).post(reverse("absence"), {"starts": starts, "ends": "2026-12-04"})

    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"starts"}


def test_who_comes_back_early_says_so(signed_in: SignIn, lea: User) -> None:
    under_way = make_absence(lea, date(2026, 11, 25), date(2026, 12, 4))
    desk = signed_in(lea)
    assert "I am back" in desk.get(reverse("absence")).content.decode()

    answer = desk.post(reverse("absence_end", args=[under_way.pk]), follow=True)

    assert "The absence of Lea has ended" in answer.content.decode()
    assert "I am back" not in answer.content.decode()
    assert Absence.objects.get().ends == date(2026, 11, 29)


def test_the_page_names_for_whom_one_stands_in_without_their_note(
    signed_in: SignIn, legal: Department, lea: User
) -> None:
    tom = make_user("Tom", department=legal)
    make_absence(tom, date(2026, 12, 1), date(2026, 12, 4), lea, note="Hospital")

    page = signed_in(lea).get(reverse("absence")).content.decode()

    assert "You stand in for" in page
    assert "Tom" in page
    assert "Hospital" not in page


def test_a_manager_plans_for_a_member(signed_in: SignIn, henrik: User, lea: User) -> None:
    desk = signed_in(henrik)
    address = reverse("absence_of", args=[lea.pk])

    answer = desk.post(address, {"starts": "2026-12-01", "ends": "2026-12-04"})

    assert answer["Location"] == address
    assert lea.absences.count() == 1
    assert "Absence of Lea" in desk.get(address).content.decode()
    assert "away 1 December – 4 December" in desk.get(reverse("department", args=["legal"])).content.decode()


def test_a_manager_of_one_department_comes_straight_to_it_and_of_several_chooses(
    signed_in: SignIn, henrik: User, lea: User
) -> None:
    desk = signed_in(henrik)

    straight = desk.get(reverse("departments"))
    make_member(henrik, make_department("Press"), Role.MANAGER)
    choice = desk.get(reverse("departments")).content.decode()

    assert straight["Location"] == reverse("department", args=["legal"])
    assert reverse("department", args=["legal"]) in choice
    assert reverse("department", args=["press"]) in choice


def test_the_menu_leads_everybody_to_their_absence_and_managers_to_their_department(
    signed_in: SignIn, henrik: User, lea: User
) -> None:
    pages = {user: signed_in(user).get(reverse("home")).content.decode() for user in (henrik, lea)}

    assert all(f'href="{reverse("absence")}"' in page for page in pages.values())
    assert f'href="{reverse("departments")}"' in pages[henrik]
    assert f'href="{reverse("departments")}"' not in pages[lea]


def test_a_manager_saves_the_hours_the_holidays_and_days_off(
    signed_in: SignIn, henrik: User, legal: Department
) -> None:
    form = {**week(monday="09:00-12:00 13:00-17:00", sunday="22:00-00:00"), "country": "DE", "part": "BE"}

    answer = signed_in(henrik).post(
        reverse("department_hours", args=["legal"]), {**form, "day_off": ["2026-12-31", "", "2026-12-24"]}, follow=True
    )

    legal.refresh_from_db()
    assert legal.working_hours == {"monday": [["09:00", "12:00"], ["13:00", "17:00"]], "sunday": [["22:00", "00:00"]]}
    assert (legal.holidays_of, legal.days_off) == ("DE-BE", ["2026-12-24", "2026-12-31"])
    page = answer.content.decode()
    assert "The hours of Legal have been saved" in page
    assert 'name="monday-1-from" value="13:00"' in page
    assert 'name="monday-2-from" value=""' in page, "room for one more part"
    assert '<option value="BE" selected>Berlin</option>' in page
    assert "Christmas Day, 25 December 2026" in page


def test_refused_hours_come_back_as_they_were_typed_and_nothing_is_saved(
    signed_in: SignIn, henrik: User, legal: Department
) -> None:
    form = {**week(monday="17:00-09:00", tuesday="08:00-"), "day_off": "never"}

    answer = signed_in(henrik).post(reverse("department_hours", args=["legal"]), form)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Monday: 17:00 to 09:00 ends before it begins" in page
    assert "Tuesday: a part has no beginning or no end" in page
    assert "“never” is no day" in page
    assert 'name="monday-0-from" value="17:00"' in page
    assert Department.objects.get().days_off == []


def test_the_page_says_what_the_hours_would_mean(signed_in: SignIn, henrik: User, legal: Department) -> None:
    desk, address = signed_in(henrik), reverse("department_hours_tried", args=["legal"])

    usual = desk.get(reverse("department", args=["legal"])).content.decode()
    shorter = desk.get(address, week(monday="09:00-12:00", tuesday="09:00-12:00", friday="13:00-17:00"))
    nonsense = desk.get(address, week(monday="12:00-09:00"))

    # It is Monday, 11:00.
    assert "A question asked now with 8 hours to decide is due Tuesday 1 December, 11:00." in usual
    assert "is due Friday 4 December, 17:00." in shorter.content.decode()
    assert (nonsense.status_code, "is due" in nonsense.content.decode()) == (200, False)
    assert Department.objects.get().working_hours["monday"] == [["09:00", "17:00"]], "tried, not saved"


def test_mondays_hours_are_copied_to_the_working_days_only(signed_in: SignIn, henrik: User, legal: Department) -> None:
    asked = {**week(monday="08:00-12:00", friday="09:00-17:00", sunday="10:00-11:00"), "copy": "1"}

    rows = signed_in(henrik).get(reverse("department_hours_tried", args=["legal"]), asked).content.decode()

    for day in ("tuesday", "wednesday", "thursday", "friday"):
        assert f'name="{day}-0-from" value="08:00"' in rows
    assert 'name="saturday-0-from" value=""' in rows
    assert 'name="sunday-0-from" value="10:00"' in rows
    assert "is due" in rows


def test_the_parts_of_a_country_follow_the_country(signed_in: SignIn, henrik: User, legal: Department) -> None:
    desk, address = signed_in(henrik), reverse("department_hours_tried", args=["legal"])

    britain = desk.get(address, {**week(monday="09:00-17:00"), "country": "GB", "part": "BE"}).content.decode()
    nowhere = desk.get(address, {**week(monday="09:00-17:00"), "country": "XX"})

    assert "Scotland" in britain
    assert "selected" not in britain, "Berlin is no part of Britain"
    assert nowhere.status_code == 200


def test_a_manager_makes_changes_and_deletes_a_group(signed_in: SignIn, henrik: User, lea: User) -> None:
    desk = signed_in(henrik)

    desk.post(reverse("group_make", args=["legal"]), {"new-name": "Deals", "new-members": [lea.pk]})
    deals = Group.objects.get()
    assert (deals.name, list(deals.members.all())) == ("Deals", [lea])
    changed = {f"group-{deals.pk}-name": "Contracts", f"group-{deals.pk}-members": [henrik.pk]}
    desk.post(reverse("group_change", args=["legal", deals.pk]), changed)
    deals.refresh_from_db()
    assert (deals.name, list(deals.members.all())) == ("Contracts", [henrik])
    answer = desk.post(reverse("group_delete", args=["legal", deals.pk]), follow=True)

    assert "The group Contracts has been deleted" in answer.content.decode()
    assert not Group.objects.exists()


def test_a_group_that_cannot_be_comes_back_with_the_reason(signed_in: SignIn, henrik: User, legal: Department) -> None:
    deals = make_group(legal, name="Deals")
    stranger = make_user(department=make_department())
    desk = signed_in(henrik)

    twice = desk.post(reverse("group_make", args=["legal"]), {"new-name": "Deals"})
    strange = desk.post(reverse("group_make", args=["legal"]), {"new-name": "Press", "new-members": [stranger.pk]})
    nameless = desk.post(reverse("group_change", args=["legal", deals.pk]), {f"group-{deals.pk}-name": ""})

    assert [answer.status_code for answer in (twice, strange, nameless)] == [422, 422, 422]
    assert "has a group of this name already" in twice.content.decode()
    assert Group.objects.get().name == "Deals"


def test_a_group_of_another_department_is_not_found_through_ones_own(signed_in: SignIn, henrik: User) -> None:
    theirs = make_group(make_department())
    desk = signed_in(henrik)

    for page in ("group_change", "group_delete"):
        assert desk.post(reverse(page, args=["legal", theirs.pk])).status_code == 404


def test_the_department_page_costs_no_query_more_for_more_people_and_groups(
    signed_in: SignIn, henrik: User, legal: Department, lea: User
) -> None:
    def grow(names: str) -> None:
        for name in names:
            person = make_user(department=legal)
            make_group(legal, person, henrik, name=f"Group {name}")
            make_absence(person, date(2026, 12, 1), date(2026, 12, 4), lea)

    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert desk.get(reverse("department", args=["legal"])).status_code == 200
        return len(asked)

    desk = signed_in(henrik)
    grow("A")
    few = cost()

    grow("BCDEFG")

    assert cost() == few


# ── deciding from a mail ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_manager_lets_the_link_be_enough_and_takes_it_back_and_the_ledger_knows(
    signed_in: SignIn, henrik: User, legal: Department
) -> None:
    client, address = signed_in(henrik), reverse("department_by_mail", args=["legal"])

    before = client.get(reverse("department", args=["legal"])).text
    on = client.post(address, {"without_sign_in": "on"}, follow=True).text
    again = client.post(address, {"without_sign_in": "on"})
    off = client.post(address, {}, follow=True).text

    switch = 'name="without_sign_in" checked'
    assert (switch in before, switch in on, switch in off) == (False, True, False)
    assert "anybody to whom the mail is passed on" in before
    assert ("From now on the link in a mail is enough." in on, again.status_code) == (True, 302)
    kept = Entry.objects.shown().filter(verb="department.deciding_by_mail_changed").order_by("pk")
    assert [entry.detail["without_sign_in"] for entry in kept] == [True, False]
    assert sentence(kept[0]) == "Henrik changed how Legal decides from a mail"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.BUILDER, Role.APPROVER])
def test_only_who_sets_the_hours_says_how_a_mail_decides(signed_in: SignIn, legal: Department, role: Role) -> None:
    client = signed_in(make_user("Rita", department=legal, role=role))

    answers = [
        client.post(reverse(name, args=["legal"]), {"without_sign_in": "on"})
        for name in ("department_by_mail", "department_hours")
    ]

    legal.refresh_from_db()
    assert [answer.status_code for answer in answers] == [403, 403]
    assert not legal.decides_by_mail_without_sign_in


def test_a_manager_puts_a_legal_hold_on_and_lifts_it_with_reasons(
    signed_in: SignIn, legal: Department, henrik: User
) -> None:
    desk, address = signed_in(henrik), reverse("hold_set", args=["legal"])
    unsaid = desk.post(address, {"reason": "  "})
    put_on = desk.post(address, {"reason": "The <b>Acme</b> lawsuit"}, follow=True).content.decode()
    again = desk.post(address, {"reason": "Once more"})
    lifting = reverse("hold_lift", args=["legal", legal.holds.get().pk])
    lifted = desk.post(lifting, {"reason": "Settled"}, follow=True).content.decode()
    twice = desk.post(lifting, {"reason": "Settled again"})

    assert (unsaid.status_code, again.status_code, twice.status_code) == (422, 422, 422)
    assert "The &lt;b&gt;Acme&lt;/b&gt; lawsuit" in put_on
    assert "Lift the legal hold" in put_on
    assert "A legal hold is on Legal already" in again.content.decode()
    assert 'value="Once more"' in again.content.decode()
    assert "Put a legal hold on" in lifted
    assert "Settled" in lifted
    assert [entry.verb for entry in Entry.objects.filter(verb__startswith="hold.").order_by("seq")] == [
        "hold.set",
        "hold.lifted",
    ]


def test_a_hold_of_another_department_is_not_there_and_an_administrators_stays(
    signed_in: SignIn, legal: Department, henrik: User
) -> None:
    ours = holds.set_hold(department=legal, reason="The board asks", actor=SYSTEM)
    desk = signed_in(henrik)
    assert "only an administrator lifts it" in desk.get(reverse("department", args=["legal"])).content.decode()
    assert desk.post(reverse("hold_lift", args=["legal", ours.pk]), {"reason": "x"}).status_code == 403
    other = holds.set_hold(department=make_department("Press"), reason="Theirs", actor=SYSTEM)
    assert signed_in(henrik).post(reverse("hold_lift", args=["legal", other.pk]), {"reason": "x"}).status_code == 404
