"""What anybody may hand in at a form (F01 to F03, F07 to F09): refused by name or read, and nothing is lost by it."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook
from pytest_httpserver import HTTPServer

from config.env import ROOT
from connectors.documents.found import Limits
from connectors.documents.reading import read_document
from connectors.sdk import Rejected
from departments.access import SYSTEM
from departments.models import Role
from tests import factories
from tests.connectors.documents import samples
from tests.connectors.documents.test_cells import COMPUTED, PLAIN
from tests.connectors.documents.test_hostile_documents import laughs, symlinked
from tests.connectors.documents.test_walls import bounded, children, wait_for
from tests.faults import pace
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.pages.test_hosted_form import _fast, formed, send  # noqa: F401
from tests.workflows.runtime.harness import carried, published
from workflows.models import Run, StoredFile, Workflow
from workflows.runtime import files, limits
from workflows.services.files import store_file
from workflows.services.refusals import NotKept

pytestmark = pytest.mark.django_db

INPUTS = {"question": {"type": "long_text"}, "paper": {"type": "file", "required": False}}
READS = {"id": "doc", "kind": "document.read", "with": {"file": "{{ inputs.paper }}"}}


MORE = ("zeros.docx", "up.docx", "link.docx", "deep.html", "paper.txt", "book.docx", "program.pdf")
"""In a full run; all are read without a form in tests/connectors/documents."""


@pytest.fixture(autouse=True)
def _no_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would beat in a thread that does not see into the test's transaction, once a document takes long."""
    monkeypatch.setattr(limits, "HEARTBEAT_S", 600.0)


def handed_in(workflow: Workflow, address: str, name: str, content: bytes) -> Run:
    assert send(Client(), address, **{"in-paper": SimpleUploadedFile(name, content)}).status_code == 200, name
    return carried(workflow.runs.latest("id"))


def hostile(canary: str) -> dict[str, tuple[bytes, str]]:
    """Name → content and what is said of it."""
    declared = f'<!DOCTYPE d [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY h SYSTEM "{canary}">]>'
    body = f'<w:document xmlns:w="{samples.W}"><w:body><w:p><w:r><w:t>&f;&h;</w:t></w:r></w:p></w:body></w:document>'
    return {
        "zeros.docx": (samples.repacked(samples.docx("x"), {"word/a.bin": b"\0" * 20_000_000}), "packed more than"),
        "up.docx": (samples.repacked(samples.docx("x"), {"../evil.xml": b"x"}), "points outside of it"),
        "link.docx": (symlinked(), "is a link"),
        "laughs.xlsx": (
            samples.repacked(samples.xlsx({"S": [["a"]]}), {"xl/sharedStrings.xml": laughs("utf-16")}),
            "declares a document type",
        ),
        "fetch.docx": (
            samples.repacked(samples.docx("x"), {"word/document.xml": f"{declared}{body}".encode()}),
            "declares a document type",
        ),
        "fetch.html": (f'<html>{declared}<img src="{canary}"><iframe src="{canary}">Text'.encode(), ""),
        "fetch.eml": (samples.mail(f'<img src="{canary}"> Text', "Content-Type: text/html"), ""),
        "cut.pdf": (samples.pdf("x")[:-200], "was not read"),
        "deep.html": (b"<html>" + b"<div>" * 20_000 + b"deep", "was not read"),
        # Another kind than the name, or the type that a browser claims, says (F03).
        "page.pdf": (b"<!doctype html><html><script>alert(1)</script></html>", "was not read"),
        "paper.txt": (samples.pdf("x"), "was not read"),
        "book.docx": (samples.xlsx({"S": [["a"]]}), "was not read"),
        "picture.csv": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "was not read"),
        "program.pdf": (b"MZ" + b"\0" * 200, "was not read"),
    }


def test_each_hostile_document_is_refused_by_name_or_read_and_fetches_nothing(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/canary").respond_with_data("fetched")
    workflow = published([READS], inputs=INPUTS, output={"text": "{{ steps.doc.text }}"})
    _, address = formed(workflow, files=True)

    for name, (content, says) in hostile(httpserver.url_for("/canary")).items():
        if name in MORE and len(pace.rounds()) == 1:
            continue
        run = handed_in(workflow, address, name, content)
        told = str(run.error) if run.error else run.output["text"]
        assert (run.status, says in told) == ("failed" if says else "succeeded", True), (name, told)
        assert not says or (run.error["code"] in ("bad_params", "rejected") and name in told), (name, run.error)
        assert "root:" not in told
        assert "fetched" not in told
    assert httpserver.log == []
    assert handed_in(workflow, address, "sound.docx", samples.docx("All is well.")).output == {"text": "All is well."}


def test_what_is_typed_into_a_form_is_no_formula_in_a_table() -> None:
    """F09, from the form to the file."""
    typed = {f"t{number}": text for number, text in enumerate(each for each in (*COMPUTED, *PLAIN) if each.strip())}
    rows = [{"said": f"{{{{ inputs.{name} }}}}", "number": -5} for name in typed]
    steps = [
        {"id": form, "kind": "document.write", "with": {"format": form, "name": "answers", "content": rows}}
        for form in ("csv", "xlsx")
    ]
    workflow = published(steps, inputs={name: {"type": "long_text"} for name in ("question", *typed)})
    _, address = formed(workflow)

    assert send(Client(), address, **{f"in-{name}": text for name, text in typed.items()}).status_code == 200

    run = carried(workflow.runs.get())
    kept = {file.name: files.read(file) for file in StoredFile.objects.filter(run=run)}
    _, *lines = csv.reader(io.StringIO(kept["answers.csv"].decode("utf-8-sig"), newline=""))
    sheet = load_workbook(io.BytesIO(kept["answers.xlsx"])).active
    assert sheet is not None
    _, *cells = sheet.iter_rows()
    assert len(lines) == len(cells) == len(typed)
    for name, (said, number), (text, amount) in zip(typed, lines, cells, strict=True):
        assert (text.data_type, amount.data_type, amount.value, number) == ("s", "n", -5, "-5"), name
        given = run.inputs[name]
        assert said == (given if given in PLAIN else f"'{given}"), typed[name]
        assert (text.value or "").splitlines() == said.splitlines(), typed[name]


def test_no_more_than_there_is_room_for_is_kept_to_the_byte(settings: Any) -> None:
    settings.FILES_OF_A_PERSON, settings.FILES_OF_A_DEPARTMENT = 100, 150
    press = factories.make_department("Press")
    workflow = published([READS], press, inputs=INPUTS)
    _, address = formed(workflow, files=True)

    def sent(size: int) -> int:
        return send(Client(), address, **{"in-paper": SimpleUploadedFile("a.txt", b"x" * size)}).status_code

    assert [sent(60), sent(41), sent(40), sent(1)] == [200, 507, 200, 507], "of whoever brings it"
    program = Program(press)
    uploaded = [program.upload({"file": SimpleUploadedFile("b.txt", b"x" * size)}) for size in (51, 50, 1)]
    assert [answer.status_code for answer in uploaded] == [507, 201, 507], "of the department"
    assert "may take" in assert_problem(uploaded[0], 507, "no-room")["detail"]
    assert sum(StoredFile.objects.values_list("size", flat=True)) == 150
    desk = Client()
    desk.force_login(factories.make_user("Mona", press, Role.MANAGER))
    table = {"file": SimpleUploadedFile("rows.csv", b"paper\nx\n")}
    assert desk.post(reverse("series_new", args=[workflow.pk]), table).status_code == 507, "of a table, too"
    legal = factories.make_department("Legal")
    assert store_file(legal, name="c.txt", content=b"x" * 100, actor=SYSTEM), "others have their own room"

    settings.UPLOAD_MAX_BYTES = 1_000
    assert sent(1_001) == 413
    with pytest.raises(NotKept) as refused:
        store_file(legal, name="d.txt", content=bytes(files.MOST_BYTES + 1), actor=SYSTEM)
    assert refused.value.status == 413


def test_nothing_of_a_reader_remains_when_it_or_its_parent_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F08."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    said: list[str] = []

    def read() -> None:
        with pytest.raises(Rejected) as refused:
            read_document(samples.slow_pdf(), "slow.pdf", Limits(wall_s=20))
        said.append(refused.value.message)

    before = set(children())
    thread = threading.Thread(target=read)
    thread.start()
    reader = next(iter(wait_for(lambda: set(children()) - before)))
    wait_for(lambda: bounded(reader))
    os.kill(int(reader.name), signal.SIGKILL)
    thread.join(10)
    assert (said[0].startswith('"slow.pdf" was not read'), list(tmp_path.iterdir())) == (True, [])

    program = (
        f"import sys, tempfile; sys.path.insert(0, {str(ROOT)!r}); tempfile.tempdir = {str(tmp_path)!r}\n"
        "from connectors.documents.reading import read_document\n"
        "read_document(sys.stdin.buffer.read(), 'slow.pdf')"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    assert parent.stdin
    parent.stdin.write(samples.slow_pdf())
    parent.stdin.close()
    (folder,) = wait_for(lambda: list(tmp_path.iterdir()), 20)
    parent.kill()
    parent.wait()
    assert list(folder.iterdir()) == [], "the document itself has no name"
    os.utime(folder, (time.time() - 600,) * 2)
    assert read_document(b"Text", "a.txt").text == "Text"
    assert list(tmp_path.iterdir()) == []
