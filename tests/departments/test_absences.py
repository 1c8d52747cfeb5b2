"""Who is away, who plans it, and who stands in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connections, transaction

from departments.absences import absence_at, end_absence, plan_absence, stand_in_for
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Absence, Department, Role, User
from tests.departments.written import ledger
from tests.factories import make_absence, make_department, make_member, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def today() -> Any:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def tom(legal: Department) -> User:
    return make_user("Tom", department=legal)


@pytest.fixture
def ida(legal: Department) -> User:
    return make_user("Ida", department=legal)


def december(day: int) -> date:
    return date(2026, 12, day)


def own(user: User) -> Actor:
    return actor_for_user(user)


def test_a_person_plans_the_own_absence_and_its_note_stays_out_of_the_ledger(lea: User, tom: User) -> None:
    plan_absence(lea, december(1), december(4), stand_in=tom, note="Hospital", actor=own(lea))

    absence = lea.absences.get()
    assert (absence.starts, absence.ends, absence.stand_in, absence.note) == (december(1), december(4), tom, "Hospital")
    detail = {"starts": "2026-12-01", "ends": "2026-12-04", "stand_in": "Tom"}
    assert ledger() == [("absence.planned", "legal", "Lea", detail)]


def test_managers_of_all_the_persons_departments_find_it_in_their_ledger(lea: User) -> None:
    make_member(lea, make_department("Press"))
    make_member(lea, lea.memberships.first().department, Role.APPROVER)

    plan_absence(lea, december(1), december(4), actor=own(lea))

    assert sorted(department for _verb, department, *_ in ledger()) == ["legal", "press"]


def test_a_manager_of_the_department_and_an_administrator_may_plan_it_too(legal: Department, lea: User) -> None:
    manager = own(make_user(department=legal, role=Role.MANAGER))
    administrator = own(make_user(is_superuser=True))

    absence = plan_absence(lea, december(1), december(4), actor=manager)
    end_absence(absence, actor=administrator)

    assert [verb for verb, *_ in ledger()] == ["absence.planned", "absence.ended"]


def test_nobody_else_plans_or_ends_it(legal: Department, lea: User) -> None:
    absence = make_absence(lea, december(1), december(4))
    colleague = own(make_user(department=legal, role=Role.BUILDER))
    neighbour = own(make_user(department=make_department(), role=Role.MANAGER))
    program = Actor("token", str(lea.pk), "Archive", {legal.pk: frozenset({"builder"})})

    for actor in (colleague, neighbour, program):
        with pytest.raises(PermissionDenied, match="may not plan the absence of Lea"):
            plan_absence(lea, december(10), december(11), actor=actor)
        with pytest.raises(PermissionDenied):
            end_absence(absence, actor=actor)

    assert list(lea.absences.all()) == [absence]
    assert ledger() == []


@pytest.mark.parametrize(
    ("starts", "ends"), [(1, 4), (2, 3), (4, 9), (1, 1), (4, 4), (1, 31)], ids=lambda day: f"{day} December"
)
def test_a_day_is_planned_once(lea: User, starts: int, ends: int) -> None:
    plan_absence(lea, december(1), december(4), actor=own(lea))

    with pytest.raises(ValidationError, match="Lea is away already from 1 December 2026 to 4 December 2026"):
        plan_absence(lea, december(starts), december(ends), actor=own(lea))

    plan_absence(lea, december(5), december(5), actor=own(lea))


@pytest.mark.parametrize(
    ("starts", "ends", "said"),
    [
        (december(4), december(3), "The last day comes before the first one"),
        (date(2026, 11, 20), date(2026, 11, 29), "These days are over"),
    ],
)
def test_days_that_make_no_absence_are_refused(lea: User, starts: date, ends: date, said: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        plan_absence(lea, starts, ends, actor=own(lea))

    assert said in refusal.value.messages[0]


def test_the_database_refuses_them_too(lea: User) -> None:
    with pytest.raises(IntegrityError, match="ends_after"), transaction.atomic():
        make_absence(lea, december(4), december(3))
    with pytest.raises(IntegrityError, match="is_another"), transaction.atomic():
        make_absence(lea, december(3), december(4), lea)


def test_an_absence_may_have_begun_already(lea: User) -> None:
    plan_absence(lea, date(2026, 11, 25), date(2026, 11, 30), actor=own(lea))

    assert absence_at(lea, NOW)


def test_the_stand_in_is_somebody_else_who_may_sign_in_and_shares_a_department(legal: Department, lea: User) -> None:
    stranger = make_user("Yara", department=make_department())
    gone = make_user("Gone", department=legal, is_active=False)

    for stand_in, said in [
        (lea, "Nobody stands in for themselves"),
        (stranger, "Yara is in none of the departments of Lea"),
        (gone, "Gone may not sign in"),
    ]:
        with pytest.raises(ValidationError) as refusal:
            plan_absence(lea, december(1), december(4), stand_in=stand_in, actor=own(lea))
        assert said in refusal.value.messages[0]

    assert not Absence.objects.exists()


@pytest.mark.parametrize(
    ("tom_is_away", "ida_is_away", "refused"),
    [
        ((1, 10), (1, 10), True),
        ((3, 6), (6, 9), True),  # on the 6th only
        ((3, 6), (7, 9), False),  # a chain on no common day
        ((11, 12), (1, 10), False),
    ],
)
def test_stand_ins_form_no_ring_on_any_day(
    lea: User, tom: User, ida: User, tom_is_away: tuple[int, int], ida_is_away: tuple[int, int], refused: bool
) -> None:
    make_absence(tom, *map(december, tom_is_away), ida)
    make_absence(ida, *map(december, ida_is_away), lea)

    def plan() -> Absence:
        return plan_absence(lea, december(1), december(10), stand_in=tom, actor=own(lea))

    if refused:
        with pytest.raises(ValidationError, match="Tom is away on some of these days"):
            plan()
    else:
        assert plan().stand_in == tom


@pytest.mark.django_db(transaction=True)
def test_two_who_plan_at_once_to_stand_in_for_each_other_are_not_both_let() -> None:
    legal = make_department()
    pair = [make_user(department=legal), make_user(department=legal)]

    def plan(person: User, other: User) -> str:
        try:
            plan_absence(person, december(1), december(4), stand_in=other, actor=SYSTEM)
            return "planned"
        except ValidationError:
            return "refused"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as both:
        answers = sorted(both.map(plan, pair, pair[::-1]))

    assert answers == ["planned", "refused"]


def test_an_absence_that_is_ended_ends_at_once(lea: User) -> None:
    under_way = make_absence(lea, date(2026, 11, 25), december(4))

    end_absence(under_way, actor=own(lea))

    under_way.refresh_from_db()
    assert under_way.ends == date(2026, 11, 29)
    assert absence_at(lea, NOW) is None
    detail = {"starts": "2026-11-25", "ends": "2026-12-04", "stand_in": {}}
    assert ledger() == [("absence.ended", "legal", "Lea", detail)]


@pytest.mark.parametrize("starts", [date(2026, 11, 30), date(2026, 12, 1)], ids=["today", "tomorrow"])
def test_an_absence_of_which_no_day_has_passed_is_gone(lea: User, starts: date) -> None:
    end_absence(make_absence(lea, starts, december(4)), actor=own(lea))

    assert not Absence.objects.exists()


def test_an_absence_that_is_over_is_not_ended(lea: User) -> None:
    past = make_absence(lea, date(2026, 11, 25), date(2026, 11, 29))

    with pytest.raises(ValidationError, match="is over"):
        end_absence(past, actor=own(lea))


@pytest.mark.parametrize(
    ("zones", "first", "last"),
    [
        # The moments at which 1 to 4 December begins and has ended, in UTC.
        (["Europe/Berlin"], "2026-11-30T23:00", "2026-12-04T23:00"),
        (["America/New_York"], "2026-12-01T05:00", "2026-12-05T05:00"),
        (["Europe/Berlin", "America/New_York"], "2026-11-30T23:00", "2026-12-05T05:00"),
        ([], "2026-12-01T00:00", "2026-12-05T00:00"),
    ],
    ids=["Berlin", "New York", "both", "no department"],
)
def test_days_begin_in_the_first_and_end_in_the_last_of_the_departments(
    zones: list[str], first: str, last: str
) -> None:
    person = make_user()
    for zone in zones:
        make_member(person, make_department(time_zone=zone))
    absence = make_absence(person, december(1), december(4))
    begins, ended = (datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (first, last))
    second = timedelta(seconds=1)

    at = [absence_at(person, moment) for moment in (begins - second, begins, ended - second, ended)]

    assert at == [None, absence, absence, None]


AWAY = datetime(2026, 12, 2, 10, tzinfo=UTC)


def test_a_chain_is_followed_to_the_first_who_is_present(lea: User, tom: User, ida: User) -> None:
    make_absence(lea, december(1), december(4), tom)
    make_absence(tom, december(3), december(4), ida)

    assert stand_in_for(lea, AWAY) == tom
    assert stand_in_for(lea, AWAY + timedelta(days=1)) == ida


def test_nobody_stands_in_for_somebody_present(lea: User, tom: User) -> None:
    make_absence(lea, december(1), december(4), tom)

    assert stand_in_for(lea, NOW) is None


def test_a_chain_that_ends_in_nobody_or_in_somebody_deactivated_gives_nobody(lea: User, tom: User, ida: User) -> None:
    make_absence(lea, december(1), december(4), tom)
    make_absence(ida, december(1), december(4))
    assert stand_in_for(ida, AWAY) is None

    chained = make_absence(tom, december(1), december(4), ida)
    assert stand_in_for(lea, AWAY) is None
    chained.delete()
    User.objects.filter(pk=tom.pk).update(is_active=False)

    assert stand_in_for(lea, AWAY) is None


def test_a_ring_that_should_not_be_there_gives_nobody(lea: User, tom: User) -> None:
    make_absence(lea, december(1), december(4), tom)
    make_absence(tom, december(1), december(4), lea)

    assert stand_in_for(lea, AWAY) is None
