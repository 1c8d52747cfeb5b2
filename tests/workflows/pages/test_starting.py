"""Starting a workflow from its page."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.factories import make_version, make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Run, StoredFile, Workflow
from workflows.runtime import files

DEFINITION: dict[str, Any] = {
    "format": 1,
    "name": "Read",
    "inputs": {"nda": {"type": "file", "title": "Agreement"}, "who": {"type": "text", "title": "Who asks"}},
    "steps": [{"id": "wait", "kind": "flow.wait", "with": {"for_s": 60}}],
}


@pytest.fixture
def reading(scene: Scene) -> Workflow:
    workflow = make_workflow(scene.department, DEFINITION)
    make_version(workflow)
    return workflow


def field(answer: Any, name: str) -> Any:
    return next(asked for asked in answer.context["form"].fields if asked.name == name)


def test_an_upload_becomes_a_file_of_the_department_and_starts_the_run(scene: Scene, reading: Workflow, signed_in: Any):
    upload = SimpleUploadedFile("nda.txt", b"We agree.", "text/plain")

    answer = signed_in(scene.operator).post(f"/workflows/{reading.pk}/start/", {"in-nda": upload, "in-who": "Olga"})

    run = Run.objects.get()
    stored = StoredFile.objects.get()
    assert answer.url == f"/runs/{run.pk}/"
    assert run.inputs["who"] == "Olga"
    assert run.inputs["nda"]["file"] == str(stored.pk)
    assert (stored.department, files.read(stored)) == (scene.department, b"We agree.")


def test_a_refused_form_keeps_its_upload(scene: Scene, reading: Workflow, signed_in: Any):
    client = signed_in(scene.operator)
    upload = SimpleUploadedFile("nda.txt", b"We agree.")

    refused = client.post(f"/workflows/{reading.pk}/start/", {"in-nda": upload, "in-who": ""})
    kept = field(refused, "nda").value
    answer = client.post(f"/workflows/{reading.pk}/start/", {"in-nda-kept": kept["file"], "in-who": "Olga"})

    assert refused.status_code == 422
    assert (kept["name"], field(refused, "who").error) == ("nda.txt", "This is needed.")
    assert answer.status_code == 302
    assert Run.objects.get().inputs["nda"]["name"] == "nda.txt"


def test_a_file_that_cannot_be_stored_says_so_at_its_field(
    scene: Scene, reading: Workflow, signed_in: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(files, "MOST_BYTES", 4)
    upload = SimpleUploadedFile("nda.txt", b"We agree.")

    answer = signed_in(scene.operator).post(f"/workflows/{reading.pk}/start/", {"in-nda": upload, "in-who": "Olga"})

    assert answer.status_code == 422
    assert "at most 4 are allowed" in field(answer, "nda").error
    assert not Run.objects.exists()


@pytest.mark.parametrize("kept", ["nonsense", "0190b2b0-0000-7000-8000-000000000000", "foreign"])
def test_a_kept_file_must_be_one_of_the_department(scene: Scene, reading: Workflow, signed_in: Any, kept: str):
    other = scenes.a_department("Legal")
    foreign = files.save(other.department.pk, "secret.txt", b"secret", "text/plain")
    sent = str(foreign.pk) if kept == "foreign" else kept

    answer = signed_in(scene.operator).post(f"/workflows/{reading.pk}/start/", {"in-nda-kept": sent, "in-who": "Olga"})

    assert answer.status_code == 422
    assert field(answer, "nda").error == "This file is gone. Choose it again."
    assert "secret.txt" not in answer.content.decode()
    assert not Run.objects.exists()


def test_a_workflow_that_is_not_published_cannot_be_started(scene: Scene, signed_in: Any):
    draft = make_workflow(scene.department)
    client = signed_in(scene.operator)

    page = client.get(f"/workflows/{draft.pk}/")
    answer = client.post(f"/workflows/{draft.pk}/start/", {"in-name": "Ann"})

    assert "This workflow is a draft." in page.content.decode()
    assert answer.status_code == 409
    assert "is not published" in answer.content.decode()


def test_a_draft_that_is_no_workflow_yet_still_has_a_page(scene: Scene, signed_in: Any):
    broken = make_workflow(scene.department, {"format": 1, "name": "Half", "steps": "none"})

    answer = signed_in(scene.operator).get(f"/workflows/{broken.pk}/")

    assert "The draft has no steps yet." in answer.content.decode()


def test_the_form_can_be_filled_like_an_earlier_run(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene, inputs={"brief": "Once more", "channels": ["Radio"]})

    answer = signed_in(scene.operator).get(f"/workflows/{scene.workflow.pk}/", {"like": str(run.pk)})

    assert (field(answer, "brief").value, field(answer, "channels").value) == ("Once more", "Radio")


def test_the_input_of_a_foreign_run_never_fills_a_form(scene: Scene, signed_in: Any):
    foreign = scenes.a_run(scenes.a_department("Legal"), inputs={"brief": "Secret"})

    answer = signed_in(scene.operator).get(f"/workflows/{scene.workflow.pk}/", {"like": str(foreign.pk)})

    assert "Secret" not in answer.content.decode()


def test_what_was_typed_comes_back_escaped(scene: Scene, signed_in: Any):
    answer = signed_in(scene.operator).post(
        f"/workflows/{scene.workflow.pk}/start/", {"in-brief": "</textarea><script>alert(1)</script>"}
    )

    assert answer.status_code == 422
    assert "<script>alert(1)" not in answer.content.decode()
