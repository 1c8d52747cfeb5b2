"""The frame around the pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import get_template

from departments.access import SYSTEM
from departments.models import Role
from tests.factories import make_budget_question, make_department, make_user
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.pages import cards, progress
from workflows.services.budgets import set_budget


def titles(answer: Any) -> list[str]:
    return [item.title for item in answer.context["nav"].items]


def test_everybody_is_led_to_what_they_may_use(scene: Scene, signed_in: Any):
    manager = make_user("Mona", scene.department, Role.MANAGER)
    auditor = make_user("Ada", is_auditor=True)

    all_of_them = ["Home", "Workflows", "Library", "Connections", "Runs", "Tasks", "Ledger"]
    without = {
        scene.operator: ["Connections", "Ledger"],
        scene.builder: ["Ledger"],
        manager: [],
        auditor: ["Connections"],
    }
    for person, hidden in without.items():
        assert titles(signed_in(person).get("/")) == [title for title in all_of_them if title not in hidden]


def test_the_place_where_one_is_is_marked(scene: Scene, signed_in: Any):
    items = signed_in(scene.operator).get(f"/workflows/{scene.workflow.pk}/").context["nav"].items

    assert [item.title for item in items if item.is_here] == ["Workflows"]


def test_whoever_is_asked_finds_how_many_wait_for_them(scene: Scene, signed_in: Any):
    """The one look that mostly spares the rest finds tasks and questions about budgets, of administrators alone too."""
    manager = make_user("Mona", scene.department, Role.MANAGER)
    administrator = make_user("Robin", is_superuser=True)

    def waiting() -> list[str]:
        people = (scene.approver, manager, administrator)
        return [signed_in(person).get("/runs/").context["nav"].open_tasks for person in people]

    found = [waiting()]
    task = scenes.a_task(scene)
    found.append(waiting())
    task.delete()
    for department in (make_department("Nobody manages it"), scene.department):
        make_budget_question(set_budget(department, limits={"soft_usd": 4}, actor=SYSTEM))
        found.append(waiting())

    assert found == [["", "", ""], ["1", "1", ""], ["", "", "1"], ["", "1", "1"]]


def test_a_fragment_asks_nothing_about_the_frame(scene: Scene, signed_in: Any, django_assert_max_num_queries: Any):
    run = scenes.a_run(scene)
    client = signed_in(scene.viewer)
    client.get(f"/runs/{run.pk}/")

    with django_assert_max_num_queries(11) as queries:  # one of them: the names in the ledger, of whoever looked
        client.get(f"/runs/{run.pk}/steps/", HTTP_HX_REQUEST="true")

    assert not any("workflows_task" in query["sql"] and "COUNT" in query["sql"] for query in queries)


@pytest.mark.parametrize(
    "name", ["400.html", "403.html", "403_csrf.html", "404.html", "409.html", "500.html", "503.html"]
)
def test_a_refusal_can_be_drawn_without_anything_at_all(name: str):
    html = get_template(name).render({})

    assert html.count("<h1>") == 1
    assert "style=" not in html


def test_nobody_signed_in_gets_a_refusal_without_the_frame(client: Any, db: None):
    answer = client.get("/no/such/page/")

    assert answer.status_code == 404
    assert 'class="td-bare"' in answer.content.decode()


TEMPLATES = sorted((Path(settings.BASE_DIR) / "templates").rglob("*.html"))
NAVIGATION = {"home-2", "route", "player-play", "inbox", "shield-check"}
ICON = re.compile(r'{% icon "([\w-]+)"|parts/_(?:empty|refusal)\.html" with name="([\w-]+)"')


def test_every_icon_in_use_is_on_the_list():
    listed = set((Path(settings.BASE_DIR) / "static" / "icons.txt").read_text().split())
    drawn = {one or other for template in TEMPLATES for one, other in ICON.findall(template.read_text())}
    marks = {*(icon for _, icon in cards.GROUPS.values()), *(icon for icon in progress.MARKS.values() if icon)}

    assert drawn | marks | NAVIGATION <= listed


def test_no_template_holds_a_style_or_a_script_of_its_own():
    for template in TEMPLATES:
        text = template.read_text()
        # A mail has no style sheet of ours to refer to.
        assert " style=" not in text or template.parent.name == "mail", template
        assert "<script>" not in text, template
        assert " onclick=" not in text, template
        assert "javascript:" not in text, template
