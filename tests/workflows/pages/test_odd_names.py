"""Names that may deceive are marked wherever a person chooses by them (case P10)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Run, RunStatus, Workflow

SENTENCE = "In “ND\u0410”, \u0410 is a Cyrillic letter that looks like the Latin A."


@pytest.fixture
def run(scene: Scene) -> Run:
    """Of a workflow with a Cyrillic letter in its name."""
    Workflow.objects.filter(pk=scene.workflow.pk).update(name="ND\u0410 triage")
    return scenes.a_run(scene, RunStatus.SUCCEEDED)


@pytest.mark.parametrize("page", ["/workflows/", "/workflows/{workflow}/", "/runs/{run}/"])
def test_a_workflow_whose_name_poses_as_another_is_marked(scene: Scene, run: Run, signed_in: Any, page: str) -> None:
    html = signed_in(scene.operator).get(page.format(workflow=scene.workflow.pk, run=run.pk)).content.decode()

    assert SENTENCE in html


def test_a_title_that_somebody_turned_around_is_marked(scene: Scene, signed_in: Any) -> None:
    run = scenes.a_run(scene, RunStatus.SUCCEEDED)
    Run.objects.filter(pk=run.pk).update(title="invoice\u202efdp.exe")

    client = signed_in(scene.viewer)
    pages = [client.get(address).content.decode() for address in ("/runs/", f"/runs/{run.pk}/")]

    assert all("right-to-left override" in html for html in pages)


def test_a_file_whose_name_poses_as_another_is_marked(scene: Scene, signed_in: Any) -> None:
    run = scenes.a_run(scene, RunStatus.SUCCEEDED)
    file = {"file": str(run.pk), "name": "ND\u0410.docx", "type": "x", "size": 1, "sha256": ""}
    Run.objects.filter(pk=run.pk).update(output={"memo": file})

    html = signed_in(scene.viewer).get(f"/runs/{run.pk}/").content.decode()

    assert SENTENCE in html


def test_ordinary_names_carry_no_mark(scene: Scene, signed_in: Any) -> None:
    run = scenes.a_run(scene, RunStatus.SUCCEEDED)

    html = signed_in(scene.viewer).get(f"/runs/{run.pk}/").content.decode()

    assert "td-odd" not in html
