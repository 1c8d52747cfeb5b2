"""Whatever is typed into the forms of connections and imported services: an answer, never a fault, and nothing live."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from connectors import accounts, imports, made, net
from connectors.manifest_rows import Source
from connectors.models import Connection
from departments.access import SYSTEM
from tests.connectors.manifests.petshop import described
from tests.workflows.pages.scenes import Scene

pytestmark = pytest.mark.django_db

SCRIPT = '"><script>alert(1)</script>{{ 7|add:7 }}'
ODD = [SCRIPT.encode(), b"a\x00b\r\nHost: x", b"https://[::1", b"\xff\xed\xa0"]
ANSWERED = ((302, False), (400, False), (422, False))
HOST = "nowhere.example"
SIGNED = {"user": "press", "password": "correct-horse"}
VALID: dict[str, dict[str, str]] = {
    "email": {"address": "a@b.example", "smtp_host": HOST, "imap_host": HOST, **SIGNED},
    "slack": {"address": f"https://{HOST}/api", "token": "xoxb-1"},
    "teams": {"address": f"https://{HOST}/hook"},
    "webhook": {"address": f"https://{HOST}/hook", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    "http": {"address": f"https://{HOST}", "signs_in": "bearer", "secret": "correct-horse"},
    "s3": {"address": f"https://{HOST}", "bucket": "press", "access_key": "AK", "secret_key": "correct-horse"},
    "sftp": {"host": HOST, **SIGNED},
    "webdav": {"address": f"https://{HOST}/dav", **SIGNED},
    "folder": {"path": "/srv/exchange"},
    "sql": {"system": "postgresql", "host": HOST, "database": "press", **SIGNED},
}


def test_every_connector_is_tried_here() -> None:
    assert set(VALID) == set(accounts.connectors())


@pytest.fixture(autouse=True)
def pages_are_no_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here each test is one."""
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)


@pytest.mark.parametrize("name", VALID)
def test_a_form_with_an_odd_text_in_one_field_or_all_is_answered(name: str, scene: Scene, signed_in: Any) -> None:
    kind, client = accounts.connectors()[name], signed_in(scene.builder)
    fields = ["title", *kind.Settings.model_fields, *kind.Secrets.model_fields]
    there = f"/connections/new/?connector={name}"

    for odd in ODD:
        for told in (dict.fromkeys(fields, odd), *({"title": "X", **VALID[name], field: odd} for field in fields)):
            answer = client.post(there, told)
            assert (answer.status_code, "<script>alert" in answer.text) in ANSWERED, told

    for place in ("/connections/", *(f"/connections/{each.pk}/" for each in Connection.objects.all()[:20])):
        shown = client.get(place)
        assert (shown.status_code, "<script>alert" in shown.text) == (200, False)


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_service_is_not_imported_from_an_odd_place(odd: bytes, scene: Scene, signed_in: Any) -> None:
    client = signed_in(scene.builder)

    for told in (
        {"address": odd},
        {"server": odd, "token": odd},
        {"server": "https://x.example/", "token": odd},
    ):
        answer = client.post("/connections/services/import/", {**told, "owner": odd})
        assert (answer.status_code, "<script>alert" in answer.text) in ((422, False), (400, False))
    file = SimpleUploadedFile("odd.json", odd)
    assert client.post("/connections/services/import/", {"document": file}).status_code in (400, 422)


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_choosing_takes_only_operations_and_levels_that_are_there(odd: bytes, scene: Scene, signed_in: Any) -> None:
    made.forget()
    source = Source(described("https://pets.example"), "pets.json")
    manifest = imports.import_new(source, scene.department, actor=SYSTEM)
    client = signed_in(scene.builder)
    place = f"/connections/services/{manifest.pk}/"

    told = {"shown": ["me", odd], "take": ["me", odd], "back": odd}
    assert client.post(f"{place}choose/", {**told, "level-me": odd}).status_code in (400, 422)
    answer = client.post(f"{place}choose/", {**told, f"level-{odd.decode('latin-1')}": "read"})

    assert (answer.status_code, answer.headers.get("Location", place).startswith(place)) in ((302, True), (400, True))
    assert set(manifest.versions.get().operations.values_list("level", flat=True)) <= {"read", "write", "danger"}
    assert set(manifest.versions.get().operations.filter(chosen=True).values_list("name", flat=True)) <= {"me"}
    asked = client.get("/connections/new/", {"connector": odd, "department": odd})
    assert (asked.status_code, "<script>alert" in asked.text) in ((200, False), (400, False), (404, False))
    for name in ("q", "level", "chosen", "page"):
        shown = client.get(place, {name: odd})
        assert (shown.status_code, "<script>alert" in shown.text) in ((200, False), (400, False))
