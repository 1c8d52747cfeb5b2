"""What each item of a list gives, said by mouse with data of the steps inside."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.build import Builder
from tests.factories import make_workflow
from tests.workflows.pages import scenes

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

TONE = {"id": "tone", "kind": "ai.classify", "title": "Tone", "with": {"text": "{{ item }}", "labels": ["good", "bad"]}}
EACH = {"id": "each", "kind": "flow.for_each", "with": {"items": "{{ inputs.mentions }}"}, "steps": [TONE]}


def test_each_item_gives_what_a_step_inside_has_found(page: Page, sign_in: Any) -> None:
    scene = scenes.a_department()
    inputs = {"mentions": {"type": "list", "title": "Mentions"}}
    workflow = make_workflow(scene.department, {"format": 1, "name": "Mentions", "inputs": inputs, "steps": [EACH]})
    sign_in(scene.builder)
    built = Builder(page, workflow).open()

    built.card("For each").click()
    gives = page.get_by_role("group", name="Each item gives")
    gives.get_by_role("button", name="Add a line").click()
    gives.get_by_role("textbox", name="Name").fill("tone")
    gives.get_by_role("button", name="Insert data").click()
    picker = page.get_by_role("dialog", name="Insert data")
    picker.locator("[data-pick='{{ steps.tone.label }}']").click()

    expect(gives.locator(".td-chips-box .td-data")).to_have_text("Tone ▸ label")
    expect(page.locator("#undo")).to_be_enabled()
    assert built.draft()["steps"][0]["output"] == {"tone": "{{ steps.tone.label }}"}
    page.reload()
    expect(gives.get_by_role("textbox", name="Name")).to_have_value("tone")
    gives.get_by_role("button", name="Remove").click()
    expect(gives.get_by_role("textbox")).to_have_count(0)
    built.saved()
    page.wait_for_load_state("networkidle")
    assert "output" not in built.draft()["steps"][0]
