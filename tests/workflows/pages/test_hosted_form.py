"""A form at an address of its own: people send it, machines do not, and nothing that was typed is lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from departments.access import SYSTEM
from departments.models import Department, Role
from tests import factories
from tests.workflows.runtime.harness import published, silent_broker
from workflows.models import Run, StoredFile, Trigger, TriggerEvent, Workflow
from workflows.pages import hosted_form
from workflows.runtime.files import storage_name
from workflows.services.files import store_file
from workflows.services.refusals import ValidationError
from workflows.services.triggers import Wanted, set_up, switch

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted_form, "FASTEST_S", 0)


@pytest.fixture
def press() -> Department:
    return factories.make_department("Press")


@pytest.fixture
def workflow(press: Department) -> Workflow:
    step = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.question }}"}}
    inputs = {
        "question": {"type": "long_text", "title": "Your question"},
        "mail": {"type": "text", "title": "Your address", "required": False},
        "paper": {"type": "file", "title": "A file", "required": False},
    }
    return published([step], press, inputs=inputs, name="Ask the press desk")


def formed(workflow: Workflow, **settings: Any) -> tuple[Trigger, str]:
    made, shown = set_up(workflow, "web.form", Wanted("Press form", settings), actor=SYSTEM)
    return made, f"/forms/{shown.path}/"


def seal(client: Client, address: str) -> str:
    found = re.search(r'name="seal" value="([^"]+)"', client.get(address).text)
    assert found
    return found[1]


def send(client: Client, address: str, **typed: Any) -> Any:
    typed = {"seal": seal(client, address), "in-question": "Is it true?", **typed}
    with silent_broker():
        return client.post(address, typed)


def test_anybody_fills_it_in_and_a_run_begins(workflow: Workflow) -> None:
    _trigger, address = formed(workflow, intro="We answer within a day.", thanks="You will hear from us.")
    client = Client()
    page = client.get(address).text
    assert "We answer within a day." in page
    assert ("Your question" in page, "A file" in page) == (True, False)

    answer = send(client, address, **{"in-mail": "ada@example.org"})

    assert "You will hear from us." in answer.text
    run = Run.objects.get()
    assert (run.inputs["question"], run.inputs["mail"]) == ("Is it true?", "ada@example.org")
    assert (run.started_by, run.title) == ("Press form", "Is it true?")


def test_sent_twice_it_starts_once(workflow: Workflow) -> None:
    _, address = formed(workflow)
    client = Client()
    once = seal(client, address)
    answers = [send(client, address, seal=once).text for _ in range(2)]
    assert Run.objects.count() == 1
    assert answers[0].count("It has arrived") == answers[1].count("It has arrived") == 1


def test_what_machines_do_starts_nothing(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    _, address = formed(workflow)
    trapped = send(Client(), address, website="https://spam.example")
    assert "It has arrived" in trapped.text
    assert send(Client(), address, seal="made:up").status_code == 422
    monkeypatch.setattr(hosted_form, "FASTEST_S", 2)
    fast = send(Client(), address)
    assert (fast.status_code, "That was very fast." in fast.text, "Is it true?" in fast.text) == (422, True, True)
    assert not TriggerEvent.objects.exists()


def test_more_than_it_takes_in_a_minute_is_kept_for_the_next(workflow: Workflow) -> None:
    _, address = formed(workflow, per_minute=1)
    client = Client()
    answers = [send(client, address) for _ in range(3)]
    assert 429 in {answer.status_code for answer in answers}
    assert "Is it true?" in answers[-1].text


def test_what_is_missing_is_said_at_its_question_and_the_rest_stays(workflow: Workflow) -> None:
    _, address = formed(workflow)
    answer = send(Client(), address, **{"in-question": "", "in-mail": "ada@example.org"})
    assert answer.status_code == 422
    assert "ada@example.org" in answer.text
    assert not Run.objects.exists()


def test_for_people_with_an_account_the_form_asks_for_a_sign_in_and_says_who_it_was(
    workflow: Workflow, press: Department
) -> None:
    _, address = formed(workflow, who="signed_in")
    assert Client().get(address).status_code == 302
    elsewhere = factories.make_user("Eve", factories.make_department("Legal"), Role.VIEWER)
    client = Client()
    client.force_login(elsewhere)
    send(client, address)
    assert TriggerEvent.objects.get().data["by"] == elsewhere.email


def test_files_come_along_where_they_are_wanted(workflow: Workflow, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    _, address = formed(workflow, files=True)
    assert "A file" in Client().get(address).text
    send(Client(), address, **{"in-paper": SimpleUploadedFile("facts.txt", b"Facts.")})
    assert Run.objects.get().inputs["paper"]["name"] == "facts.txt"


def test_one_that_is_off_guessed_or_a_webhook_is_no_form(workflow: Workflow) -> None:
    trigger, address = formed(workflow)
    _hook, shown = set_up(workflow, "web.hook", Wanted(settings={"proof": "none"}), actor=SYSTEM)
    switch(trigger, on=False, actor=SYSTEM)
    assert {Client().get(each).status_code for each in (address, "/forms/guessed/", f"/forms/{shown.path}/")} == {404}


def test_a_forms_address_is_no_webhook(workflow: Workflow) -> None:
    _, address = formed(workflow)
    assert Client().post(address.replace("/forms/", "/hooks/").rstrip("/")).status_code == 404


def test_its_page_shows_the_address_and_no_secret(workflow: Workflow, press: Department, signed_in: Any) -> None:
    trigger, address = formed(workflow)
    page = signed_in(factories.make_user("Bea", press, Role.BUILDER)).get(
        f"/workflows/{workflow.pk}/triggers/{trigger.pk}/"
    )
    assert address in page.text
    assert "Renew the secret" not in page.text


def test_no_file_is_kept_of_who_may_not_send(workflow: Workflow, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    _, address = formed(workflow, files=True, per_minute=1)
    paper = SimpleUploadedFile("facts.txt", b"Facts.")
    answer = send(Client(), address, seal="made:up", **{"in-paper": paper})
    assert (answer.status_code, StoredFile.objects.exists()) == (422, False)
    for _ in range(3):
        send(Client(), address, **{"in-paper": SimpleUploadedFile("facts.txt", b"Facts.")})
    assert StoredFile.objects.count() <= 2  # the minute may have turned


def test_files_of_others_cannot_be_named(workflow: Workflow, press: Department, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    _, address = formed(workflow, files=True)
    foreign = store_file(press, name="not-for-you.txt", content=b"Plans.", actor=SYSTEM)
    answer = send(Client(), address, **{"in-paper": str(foreign.pk), "in-question": ""})
    assert (answer.status_code, "not-for-you" in answer.text) == (422, False)
    kept = send(Client(), address, **{"in-paper": SimpleUploadedFile("facts.txt", b"Facts."), "in-question": ""})
    own = StoredFile.objects.get(name="facts.txt")
    assert (kept.status_code, str(own.pk) in kept.text) == (422, True)
    send(Client(), address, **{"in-paper": str(own.pk)})
    assert Run.objects.get().inputs["paper"]["name"] == "facts.txt"


HOSTILE_NAMES = (
    "../../etc/passwd",
    "..\\\\..\\\\boot.ini",
    "/abs/olute",
    "CON",
    "a\u202etxt.exe",
    "n" * 800 + ".pdf",
    "a%00b.html",
    " .",
)


def test_hostile_files_come_as_files_and_leave_as_downloads(
    workflow: Workflow, press: Department, signed_in: Any
) -> None:
    """F04 to F06 through a form that anybody may fill in."""
    _, address = formed(workflow, files=True)
    page = b"<html><script>alert(1)</script>"
    for name in HOSTILE_NAMES:
        client, parts = Client(), {"seal": seal(Client(), address), "in-question": "Is it true?"}
        with silent_broker():
            assert client.post(address, _body(parts, name, page), content_type=_MULTIPART).status_code == 200
    imitations = (
        '{"filepath": "/etc/passwd"}',
        "/etc/passwd",
        "file:///etc/passwd",
        '{"file": {"path": "/etc/passwd"}}',
    )
    refused = [send(Client(), address, **{"in-paper": told}).status_code for told in imitations]

    stored = list(StoredFile.objects.all())
    assert (len(stored), refused) == (len(HOSTILE_NAMES), [422] * len(imitations))
    assert all("/" not in each.name and "\\" not in each.name and len(each.name) <= 200 for each in stored)
    assert default_storage.exists(storage_name(press.pk, stored[0].sha256)), "kept under its content's name alone"
    reader = signed_in(factories.make_user("Bea", press, Role.VIEWER))
    for each in stored:
        given = reader.get(f"/files/{each.pk}/")
        assert given["Content-Disposition"].startswith("attachment")
        assert (given["Content-Type"], given["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
        assert "sandbox" in given["Content-Security-Policy"]


_MULTIPART = "multipart/form-data; boundary=edge"


def _body(parts: dict[str, str], name: str, content: bytes) -> bytes:
    """As a hostile client writes it; a test client would tidy the name."""
    said = [
        f'--edge\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in parts.items()
    ]
    head = f'--edge\r\nContent-Disposition: form-data; name="in-paper"; filename="{name}"'
    file = f"{head}\r\nContent-Type: text/html\r\n\r\n"
    return "".join([*said, file]).encode() + content + b"\r\n--edge--\r\n"


def test_a_form_that_could_never_be_sent_is_not_set_up(press: Department) -> None:
    step = {"id": "a", "kind": "text.compose", "with": {"text": "x"}}
    needs = published([step], press, name="Check a paper", inputs={"paper": {"type": "file"}})
    with pytest.raises(ValidationError) as refused:
        formed(needs)
    assert refused.value.message_dict == {
        "files": ["The workflow needs a file (paper). Switch this on, or let only colleagues fill it in."]
    }
    assert formed(needs, files=True)
    assert formed(needs, who="signed_in")
