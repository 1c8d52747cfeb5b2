"""A workflow that is shared is used by people outside, who see what they started and nothing else."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from departments.access import SYSTEM, actor_for_token, actor_for_user
from departments.models import Notice, Role, User
from departments.tokens import create_token
from tests import factories
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Run, RunStatus, Share, StoredFile
from workflows.runtime import files
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.runs import start_run
from workflows.services.sharing import end_share, lent_to, may_use, share_with_department, share_with_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_whom_it_is_shared_with_starts_it_and_sees_what_they_started(scene: Scene) -> None:
    client, manager = signed_in(scene.stranger), actor_for_user(scene.manager)
    address = reverse("shared", args=[scene.workflow.pk])
    others = scenes.a_run(scene, RunStatus.SUCCEEDED)
    assert client.get(address).status_code == 404

    share = share_with_person(scene.workflow, f" {scene.stranger.email.upper()}", actor=manager)
    listed = client.get(reverse("workflows")).content.decode()
    started = client.post(address, {f"in-{name}": "Spring" for name in scenes.SAMPLE}, follow=True)

    run = Run.objects.get(starter_id=str(scene.stranger.pk))
    assert "Shared with you" in listed
    assert scene.workflow.name in listed
    assert started.redirect_chain[0][0] == reverse("shared_run", args=[run.pk])
    assert (run.department, run.started_by) == (scene.department, str(scene.stranger))
    assert str(run.pk) in client.get(address).content.decode()
    assert str(others.pk) not in client.get(address).content.decode()
    for foreign in (others.pk, uuid4()):
        assert client.get(reverse("shared_run", args=[foreign])).status_code == 404
        assert client.post(reverse("shared_cancel", args=[foreign])).status_code == 404
    for page in ("workflow", "build", "versions", "shares"):
        assert client.get(reverse(page, args=[scene.workflow.pk])).status_code == 404, page
    for page in ("run", "record"):
        assert client.get(reverse(page, args=[run.pk])).status_code == 404, page

    told = Notice.objects.get(person=scene.stranger)
    assert told.subject == f"Maren Holt has shared “{scene.workflow.name}” with you"
    assert address in told.text

    assert client.post(reverse("shared_cancel", args=[run.pk])).status_code == 302
    assert Run.objects.get(pk=run.pk).status == RunStatus.CANCELLED
    for _twice in range(2):
        end_share(share, actor=manager)
    assert client.get(address).status_code == client.get(reverse("shared_run", args=[run.pk])).status_code == 404
    said = [
        entry.detail["whom"] for entry in Entry.objects.shown().filter(verb__startswith="workflow.share").order_by("pk")
    ]
    assert said == [str(scene.stranger)] * 2


def test_files_are_given_to_whoever_brought_them_or_started_what_made_them(scene: Scene) -> None:
    share_with_person(scene.workflow, scene.stranger.email, actor=SYSTEM)
    brought, made, other = (_file(scene, name) for name in ("brought", "made", "other"))
    run = scenes.a_run(scene, RunStatus.SUCCEEDED, output={"pack": [files.reference(made).model_dump()]})
    Run.objects.filter(pk=run.pk).update(
        starter_kind="person",
        starter_id=str(scene.stranger.pk),
        inputs={
            "brief": files.reference(brought).model_dump(),
            "typed": f"{other.pk}",
            "made_up": {"file": str(other.pk), "name": "other.txt", "sha256": "0" * 64},
        },
    )
    client = signed_in(scene.stranger)

    found = {file.name: client.get(reverse("file", args=[file.pk])).status_code for file in (brought, made, other)}

    assert found == {"brought.txt": 200, "made.txt": 200, "other.txt": 404}
    shown = client.get(reverse("shared_run", args=[run.pk])).content.decode()
    assert "made.txt" in shown
    assert "brought.txt" in shown
    Share.objects.all().delete()
    assert client.get(reverse("file", args=[made.pk])).status_code == 404


def test_it_is_shared_with_everybody_of_a_department_or_with_a_role_there(scene: Scene) -> None:
    press = factories.make_department("Press")
    writer, chief = (
        factories.make_user(name, press, role) for name, role in (("Wim", "operator"), ("Cleo", "manager"))
    )

    share_with_department(scene.workflow, press, Role.MANAGER, actor=SYSTEM)
    assert [lent_to(actor_for_user(each)) for each in (writer, chief)] == [[], [scene.workflow]]
    share_with_department(scene.workflow, press, actor=SYSTEM)
    assert lent_to(actor_for_user(writer)) == [scene.workflow]
    token, _ = create_token(press, role=Role.MANAGER, name="Archive", actor=SYSTEM)
    assert not may_use(actor_for_token(token), scene.workflow), "a program has its own department, and no more"

    # In the department itself: somebody who may read it, and not start it.
    approver = actor_for_user(scene.approver)
    with pytest.raises(PermissionDenied):
        start_run(scene.workflow, inputs=scenes.SAMPLE, actor=approver)
    share_with_department(scene.workflow, scene.department, Role.APPROVER, actor=SYSTEM)
    assert start_run(scene.workflow, inputs=scenes.SAMPLE, actor=approver).department == scene.department
    assert lent_to(approver) == [], "it stands among the workflows of their own department"

    scene.workflow.live = None
    scene.workflow.save()
    assert lent_to(actor_for_user(writer)) == []


def test_only_managers_share_and_each_refusal_says_what_to_do(scene: Scene) -> None:
    manager = actor_for_user(scene.manager)
    gone = factories.make_user("Gone")
    User.objects.filter(pk=gone.pk).update(is_active=False)

    with pytest.raises(PermissionDenied):
        share_with_person(scene.workflow, scene.stranger.email, actor=actor_for_user(scene.builder))
    for nobody in ("", "nobody@example.org", gone.email):
        with pytest.raises(ValidationError, match="Ask an administrator"):
            share_with_person(scene.workflow, nobody, actor=manager)
    with pytest.raises(ValidationError, match="no role"):
        share_with_department(scene.workflow, scene.department, "king", actor=manager)
    for _again in range(2):
        client = signed_in(scene.manager)
        where = reverse("share_person", args=[scene.workflow.pk])
        answer = client.post(where, {"email": scene.stranger.email})
    assert answer.status_code == 422
    assert "is shared with" in answer.content.decode()
    with pytest.raises(Conflict):
        share_with_person(scene.workflow, scene.stranger.email, actor=manager)


def _file(scene: Scene, name: str) -> StoredFile:
    return files.save(scene.department.pk, f"{name}.txt", b"hello", "text/plain")
