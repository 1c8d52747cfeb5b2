"""With the first wall broken on purpose the database still gives nothing of another department (rule S11, case Z09)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse

from audit import wall
from config import second_wall
from connectors import net
from departments.access import Actor, Verb
from departments.models import Department
from tests import factories
from tests.workflows.api import test_access as api
from tests.workflows.api.program import Program
from tests.workflows.pages import scenes
from tests.workflows.pages import test_routes as pages
from tests.workflows.runtime.harness import silent_broker
from workflows.models import Attempt, Run, StepRun, Task, Version, Workflow

OF_PEOPLE = {"copy_template", "absence_end", "absence_of", "tokens"} | {
    *("department", "department_hours", "department_hours_tried", "department_by_mail"),
    *("group_make", "person_leave", "group_change", "group_delete"),
}
"""Their tables are read before anybody is known, and stand before the wall."""
OF_THE_SERVER = {
    *("connectors_provider", "connectors_aimodel", "connectors_modelroute", "connectors_routestop"),
    *("connectors_breaker", "connectors_identityprovider", "connectors_givenrole", "workflows_idempotencykey"),
}


@pytest.fixture(autouse=True)
def nobody_is_told() -> Iterator[None]:
    with silent_broker():
        yield


class Undone(Exception):
    """Takes back what one route needed, so that the next finds the same scene."""


@contextmanager
def undone() -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
            raise Undone
    except Undone:
        pass


@pytest.fixture
def no_first_wall(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Whoever asks is taken for a manager of every department, wherever rows are looked for or a verb is asked for."""

    def broken() -> None:
        every: list[UUID] = [*Department.objects.values_list("pk", flat=True)]
        monkeypatch.setattr(Actor, "departments", lambda _self, _verb=Verb.VIEW: every)
        monkeypatch.setattr(Actor, "may", lambda *_asked: True)
        monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)

    return broken


@pytest.mark.django_db
def test_pages_and_api_that_forgot_their_scope_give_nothing_of_others(
    no_first_wall: Callable[[], None], settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    scene, program = scenes.a_department(), Program(factories.make_department("Legal"))
    stranger = Program(factories.make_department("Press"))
    things = api.things_of(program)
    no_first_wall()
    leaks = []

    for route in (each for each in pages.OF_A_THING if each.method == "get" and each.name not in OF_PEOPLE):
        with undone():
            address = reverse(route.name, args=route.thing(scene))
            status = _status(partial(pages.ask, route, address, scene.stranger))
            if status != 404:
                leaks.append((route.name, status))
    for method, path, body, _role in api.OPERATIONS:
        if "{" in path:
            with undone():
                status = _status(partial(api.ask, stranger, method, path.format_map(things), body))
                if status != 404:
                    leaks.append((path, status))
    lists = [path for method, path, _, _ in api.OPERATIONS if method == "GET" and "{" not in path]
    for path in lists:
        found = stranger.get(path).content.decode()
        leaks += [(path, thing) for thing in things.values() if thing in found]

    assert leaks == []


@pytest.mark.django_db
def test_each_table_gives_what_is_of_the_departments_told_and_takes_nothing_for_others() -> None:
    ours, theirs = scenes.a_department("Ours"), scenes.a_department("Theirs")
    for scene in (ours, theirs):
        step = scenes.a_step(scenes.a_run(scene), "facts", "ai.extract")
        Attempt.objects.create(step=step, number=1, started_at=step.created_at)
        scenes.a_task(scene)
    asked = (Workflow, Version, Run, StepRun, Attempt, Task)
    all_of = {model: model.objects.count() for model in asked}

    wall.stand_behind([ours.department.pk])
    seen = {model: model.objects.count() for model in asked}
    changed = Workflow.objects.update(description="Mine now")
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Run.objects.filter(department=ours.department).update(department=theirs.department)
    wall.stand_behind([])
    none = [model for model in second_wall.owned() if model._base_manager.exists()]
    wall.take_down()

    assert seen == {model: count // 2 for model, count in all_of.items()}
    assert (changed, none) == (1, [])
    assert not Workflow.objects.filter(department=theirs.department, description="Mine now").exists()


@pytest.mark.django_db
def test_every_table_of_departments_is_behind_the_wall() -> None:
    tables = {model._meta.db_table for label in second_wall.OWNING for model in apps.get_app_config(label).get_models()}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_policies WHERE policyname = 'wall'")
        walled = {table for (table,) in cursor.fetchall()}

    assert tables - walled == OF_THE_SERVER
    assert second_wall.missing(databases=["default"]) == []


@pytest.mark.django_db
def test_the_wall_counts_only_for_a_role_that_may_change_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE one_plain LOGIN; GRANT {wall.ROLE} TO one_plain WITH SET FALSE")
        for granted, stands in (("FALSE", False), ("TRUE", True)):
            cursor.execute(f"GRANT {wall.ROLE} TO one_plain WITH SET {granted}; SET SESSION AUTHORIZATION one_plain")
            cursor.execute(wall._STANDS, [wall.ROLE])
            assert (cursor.fetchone(), second_wall.missing(databases=["default"]) == []) == ((stands,), stands)
            cursor.execute("RESET SESSION AUTHORIZATION")

        # One who made it is a member of it, with the right to let others be, and may not change to it yet.
        monkeypatch.setattr(second_wall, "ROLE", "one_wall")
        cursor.execute("CREATE ROLE one_maker CREATEROLE; SET SESSION AUTHORIZATION one_maker; CREATE ROLE one_wall")
        assert not second_wall._rights(cursor)[2]
        assert second_wall._has_role(cursor)
        assert second_wall._rights(cursor)[2]
        cursor.execute("RESET SESSION AUTHORIZATION")


@pytest.mark.django_db
def test_a_wall_that_is_built_later_is_found_without_a_new_start(
    legal: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wall, "_stood", False)
    with monkeypatch.context() as before:
        before.setattr(wall, "_STANDS", wall._STANDS.replace("'wall'", "'nowhere'"))
        wall.stand_behind([legal.pk])
        assert _user() != wall.ROLE

    assert _user() != wall.ROLE, "a database without a wall is not asked before each statement"
    monkeypatch.setattr(wall, "_none_until", wall._none_until - wall.ASK_AGAIN_S)
    assert _user() == wall.ROLE


@pytest.mark.django_db
def test_whoever_is_answered_leaves_no_wall_behind(legal: Department) -> None:
    manager = Client()
    manager.force_login(factories.make_user("Maren", legal))

    for client, path in (
        (manager, "/workflows/"),
        (Client(), "/healthz"),
        (manager, "/nowhere"),
        (Client(), "/admin/"),
    ):
        client.get(path)
        assert _user() != wall.ROLE


@pytest.mark.django_db
def test_the_frame_of_a_page_that_is_not_there_stands_behind_the_wall_of_whoever_asks() -> None:
    ours, theirs = scenes.a_department("Ours"), scenes.a_department("Theirs")
    scenes.a_task(ours)
    approver = Client()
    approver.force_login(ours.approver)

    for other in ([ours.department.pk], [theirs.department.pk]):
        wall.stand_behind(other)
        Run.objects.count()  # by which the connection is told
        wall.take_down()
        answer = approver.get("/nowhere")
        assert (answer.status_code, re.findall(r'"td-count">(\d+)', answer.content.decode())) == (404, ["1"])


@pytest.mark.django_db(transaction=True)
def test_a_pooled_connection_is_told_anew_whoever_had_it_before(legal: Department) -> None:
    factories.make_workflow(legal)
    connection.ensure_connection()
    raw = connection.connection

    wall.stand_behind([])
    assert (Workflow.objects.count(), _user()) == (0, wall.ROLE)
    wall.take_down()
    connection.close()  # back to the pool, as at the end of a request
    for _ in range(20):
        connection.ensure_connection()
        if connection.connection is raw:
            break
        connection.close()
    assert (Workflow.objects.count(), _user() == wall.ROLE) == (1, False)
    assert connection.connection is raw, "the pool gave another connection, so that nothing was tried"

    with undone():
        wall.stand_behind([legal.pk])
        assert Workflow.objects.count() == 1
    assert _user() == wall.ROLE  # told again, as the rollback took back what was told in the transaction
    with wall.beyond():
        assert _user() != wall.ROLE
    wall.stand_behind([])
    assert Workflow.objects.count() == 0
    wall.admit(legal.pk)
    assert Workflow.objects.count() == 1


def _status(ask: Callable[[], Any]) -> int:
    try:
        return int(ask().status_code)
    except ProgrammingError as refused:
        if "row-level security" in str(refused):
            return 404
        raise


def _user() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])
