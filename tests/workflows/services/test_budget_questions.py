"""Whoever owns a budget that runs low is asked once, by a question among the tasks, and their answer takes effect."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from connectors.models import Spending
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Notice, Role, User
from tests.factories import make_absence, make_department, make_user
from workflows.models import Budget, BudgetAnswer, BudgetQuestion
from workflows.pages.budget_questions import suggested
from workflows.runtime import paying
from workflows.runtime.budget_owners import foreseen
from workflows.services import budget_questions, budgets
from workflows.services.budget_questions import answer_question, questions_for, questions_seen
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError

pytestmark = pytest.mark.django_db

LIMITS = {"soft_usd": Decimal(80), "month_usd": Decimal(100), "calls_per_run": 7}


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


@pytest.fixture
def olga(legal: Department) -> User:
    return make_user("Olga", legal, Role.OPERATOR)


def crosses(budget: Budget, spent: str = "81.5") -> None:
    """As a call does that a run with this budget has made."""
    month = paying.month_of(timezone.now())
    used = {"department": budget.department, "spent_usd": Decimal(spent), "calls": 3}
    Spending.objects.update_or_create(subject=paying.limit_of(budget), month=month, defaults=used)
    limit = paying._limit(paying.limit_of(budget), "Legal", month, budget)
    paying._tell({limit.subject: budget}, limit, "soft")


def asked(department: Department, owner: User | None = None, **limits: Any) -> BudgetQuestion:
    budget = budgets.set_budget(department, limits={**LIMITS, **limits}, owner=owner, actor=SYSTEM)
    crosses(budget)
    return question_of(budget)


def question_of(budget: Budget) -> BudgetQuestion:
    return questions_seen(SYSTEM).filter(budget=budget)[0]


def told() -> set[str]:
    return {notice.person.name for notice in Notice.objects.filter(kind="task").select_related("person")}


def test_each_is_asked_once_for_a_month_and_a_limit(legal: Department, olga: User) -> None:
    question = asked(legal, olga)
    budget = question.budget
    for change in ({}, {"calls_per_run": 9}):  # a limit that is set anew as it was asks nobody twice
        crosses(budgets.set_budget(legal, limits={**LIMITS, **change}, owner=olga, actor=SYSTEM))
    of_month = BudgetQuestion.objects.count(), Notice.objects.count(), Entry.objects.filter(verb="budget.asked").count()
    crosses(budgets.set_budget(legal, limits={**LIMITS, "soft_usd": Decimal(81)}, owner=olga, actor=SYSTEM))
    stale = budgets.set_budget(legal, limits={**LIMITS, "soft_usd": Decimal(70)}, owner=olga, actor=SYSTEM)
    Budget.objects.update(soft_usd=90)
    crosses(stale)

    assert of_month == (1, 1, 1)
    assert [(each.soft_usd, each.status) for each in budget.questions.order_by("pk")] == [
        (80, "overtaken"), (81, "overtaken"),
    ]  # fmt: skip
    assert (question.spent_usd, question.month_usd) == (Decimal("81.5"), 100)
    assert question.foreseen_usd >= question.spent_usd
    assert "of the AI budget of Legal are spent" in Notice.objects.order_by("pk")[0].text


def test_the_owner_else_the_managers_else_the_administrators_are_asked(legal: Department, olga: User) -> None:
    robin = make_user("Robin", is_superuser=True)
    who, lists = [], []
    question = asked(legal)
    who.append((budget_questions.asked_of(question), told()))
    behind_the_wall = Client()
    behind_the_wall.force_login(robin)
    pages = [behind_the_wall.get(path) for path in ("/tasks/?show=role", f"/budgets/asked/{question.pk}/")]
    done = behind_the_wall.post(f"/budgets/asked/{question.pk}/answer/", {"answer": "leave"})
    assert ["runs low: may it go on?" in page.content.decode() for page in pages] == [True, True]
    assert (done.status_code, behind_the_wall.get(done["Location"]).status_code) == (302, 200)
    question = asked(legal, soft_usd=Decimal(79))
    lists.append([name for name in (olga, robin) if questions_for(actor_for_user(name)).exists()])
    for name in ("Mona", "Max"):
        make_user(name, legal, Role.MANAGER)
    mona = User.objects.get(name="Mona")
    question = asked(legal, soft_usd=Decimal(70))
    who.append((budget_questions.asked_of(question), told()))
    lists.append([name for name in (olga, robin, mona) if questions_for(actor_for_user(name)).exists()])
    make_absence(olga, date.today() - timedelta(days=1), date.today() + timedelta(days=3), stand_in=mona)
    question = asked(legal, olga, soft_usd=Decimal(60))
    who.append((budget_questions.asked_of(question), told()))
    lists.append([name for name in (olga, robin, mona) if questions_for(actor_for_user(name)).exists()])
    olga.memberships.all().delete()
    question = question_of(question.budget)
    who.append((budget_questions.asked_of(question), {"Mona"}))
    lists.append([name for name in (olga, robin, mona) if questions_for(actor_for_user(name)).exists()])

    managers = "the managers of Legal"
    assert who == [
        ("the administrators", {"Robin"}),
        (managers, {"Robin", "Mona", "Max"}),
        ("Olga", {"Robin", "Mona", "Max", "Olga"}),
        (managers, {"Mona"}),
    ]
    assert lists == [[robin], [mona], [olga, mona], [mona]]
    assert "in place of Olga" in Notice.objects.filter(person=mona).latest("pk").text


def test_an_answer_takes_effect_once_and_stands_in_the_ledger(legal: Department, olga: User) -> None:
    owner, other = actor_for_user(olga), actor_for_user(make_user("Bo", legal, Role.BUILDER))
    question = asked(legal, olga)
    for wrong in (None, Decimal(100), Decimal("NaN"), Decimal("100.004"), Decimal("9999999999.999"), Decimal(10) ** 12):
        with pytest.raises(ValidationError):
            answer_question(question, BudgetAnswer.RAISE, to_usd=wrong, actor=owner)
    for actor in (other, Actor("token", "1", "Archive", {legal.pk: frozenset({"operator"})})):
        with pytest.raises(PermissionDenied, match="This question is for Olga"):
            answer_question(question, BudgetAnswer.STOP, actor=actor)

    answer_question(question, BudgetAnswer.RAISE, to_usd=Decimal(200), actor=owner)
    with pytest.raises(Conflict, match="Olga was first"):
        answer_question(question, BudgetAnswer.STOP, actor=owner)

    budget = Budget.objects.get()
    assert (budget.month_usd, budget.soft_usd, budget.calls_per_run, budget.owner) == (200, 160, 7, olga)
    assert (question.status, question.answer, question.raised_to_usd) == ("answered", "raise", 200)
    answered = Entry.objects.shown().get(verb="budget.answered")
    assert (answered.actor_label, answered.detail["answer"], answered.detail["to_usd"]) == ("Olga", "raise", "200.00")
    assert Entry.objects.filter(verb="budget.set").count() == 2
    crosses(budget, "170")
    again = question_of(budget)
    answer_question(again, BudgetAnswer.LEAVE, actor=owner)
    crosses(Budget.objects.get(), "180")
    assert (Budget.objects.get().month_usd, Budget.objects.get().stopped_by, budget.questions.count()) == (200, "", 2)


def test_stopping_is_an_answer_and_an_answer_stops(legal: Department, olga: User) -> None:
    question = asked(legal, olga, month_usd=None)
    answer_question(question, BudgetAnswer.STOP, actor=actor_for_user(olga))
    stopped_by = Budget.objects.get().stopped_by
    budgets.let_go_on(Budget.objects.get(), actor=SYSTEM)
    other = asked(legal, olga, soft_usd=Decimal(50), month_usd=None)
    budgets.stop_budget(other.budget, actor=SYSTEM)
    other.refresh_from_db()

    assert (stopped_by, question.status) == ("Olga", "answered")
    assert (other.status, other.answered_by, questions_for(actor_for_user(olga)).count()) == ("overtaken", "Tandem", 0)


def test_time_reminds_once_and_ends_what_is_asked_of_a_month_that_is_over(legal: Department, olga: User) -> None:
    question = asked(legal, olga)
    too_early = budget_questions.strike()
    now = timezone.now()
    BudgetQuestion.objects.update(next_at=now)
    reminded = budget_questions.strike(), budget_questions.strike()
    said = list(Notice.objects.order_by("pk").values_list("subject", flat=True))
    BudgetQuestion.objects.update(next_at=now, month=date(2026, 1, 1))
    over = budget_questions.strike(), budget_questions.strike()
    question.refresh_from_db()

    assert (too_early, reminded, over, question.status) == (0, (1, 0), (1, 0), "overtaken")
    assert said[1:] == [f"Nobody has answered yet: {said[0]}"]
    assert Entry.objects.filter(verb="budget.reminded").count() == 1


def test_what_is_foreseen_and_suggested() -> None:
    november = date(2026, 11, 1)
    for used, day, hour, expected in (("10", 1, 6, 300), ("10", 2, 0, 300), ("10", 11, 0, 30), ("10", 30, 23, "10.02")):
        assert foreseen(Decimal(used), november, datetime(2026, 11, day, hour, tzinfo=UTC)) == Decimal(expected)
    assert foreseen(Decimal(10), november, datetime(2026, 12, 5, tzinfo=UTC)) == 10
    for to_come, limit, expected in ((243, 100, "250"), (90, 100, "120"), (0, 0, "0.01"), ("0.0123", 0, "0.02")):
        assert suggested(Decimal(to_come), Decimal(limit)) == Decimal(expected)


def test_it_stands_among_the_tasks_and_is_answered_on_its_page(legal: Department, olga: User) -> None:
    question = asked(legal, olga)
    mona = make_user("Mona", legal, Role.MANAGER)
    owner, manager = Client(), Client()
    owner.force_login(olga)
    manager.force_login(mona)
    title = "The AI budget of Legal runs low: may it go on?"
    path = f"/budgets/asked/{question.pk}/"

    home, mine, role, others = (
        client.get(where).content.decode()
        for client, where in ((owner, "/"), (owner, "/tasks/"), (manager, "/tasks/"), (manager, "/tasks/?show=others"))
    )
    page = owner.get(path).content.decode()
    refused = owner.post(f"{path}answer/", {"answer": "raise", "to_usd": "many"})
    nothing = owner.post(f"{path}answer/", {"answer": "burn"})
    done = owner.post(f"{path}answer/", {"answer": "raise", "to_usd": "150"}, follow=True).content.decode()
    twice = owner.post(f"{path}answer/", {"answer": "stop"})

    assert [title in each for each in (home, mine, role, others)] == [True, True, False, True]
    assert 'Tasks <span class="td-num' not in role
    assert "$81.50" in page
    assert "Raise the limit of $100.00 to" in page
    assert (refused.status_code, nothing.status_code, twice.status_code) == (422, 422, 409)
    assert "Write an amount such as" in refused.content.decode()
    assert "Olga answered: raise it" in done
    assert title not in owner.get("/tasks/").content.decode()
    assert "Olga answered: raise it" in manager.get(f"/budgets/{question.budget_id}/").content.decode()
