"""H08, A14, D12: after a restore runs go on, the ledger verifies and tells of it, and no effect is repeated."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from audit import wall
from audit.anchoring import InFile
from audit.models import DataKey, Entry, Payload
from audit.payloads import Words
from audit.sealer import Sealer
from audit.services import record
from audit.verify.checking import verify
from audit.verify.sources import Connection
from audit.verify.trust import Trust, anchors, keys
from config.backups import making, restoring
from config.backups.emptying import undoing
from config.backups.manifest import DUMP, FILE
from config.backups.programs import Address, CannotBackUp, run
from departments.access import SYSTEM, actor_for_user
from departments.erasing import erase_person
from departments.models import Role, User
from departments.services import deactivate_user, remove_member
from tests import factories
from tests.faults.postgres import speaking_to
from tests.faults.scenes import Scene
from tests.faults.stack import Stack, database_url
from workflows.models import Run, StepRun, Task
from workflows.runtime import files

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "Clara Zimmerling"
DRILL, PLAIN = "tandem_drill", "tandem_plain"


@pytest.fixture
def new_host(tmp_path: Path, settings: Any) -> Path:
    """TANDEM_HOME of the host on which is restored: with the keys, which were kept elsewhere, and nothing else."""
    home = tmp_path / "home"
    home.mkdir()
    for name in making.ALL_KEYS:
        if (source := settings.ENV.home / name).exists():
            shutil.copy(source, home / name)
    settings.MEDIA_ROOT = home / "files"
    settings.LEDGER_ANCHORS = home / "ledger-anchors.jsonl"
    return home


@contextmanager
def an_empty_database(name: str) -> Iterator[None]:
    with psycopg.connect(Address.of("postgres").info, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield
        finally:
            made = server.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{name}%"]).fetchall()
            for (each,) in made:
                server.execute(f'DROP DATABASE "{each}" WITH (FORCE)')


def test_h08_after_a_restore_runs_go_on_the_ledger_verifies_and_no_effect_is_repeated(
    scene: Scene, new_host: Path, tmp_path: Path, settings: Any
) -> None:
    nap = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 2.5}}
    slug = scene.workflow([scene.effect("first"), nap, scene.effect("keyed"), scene.effect("once", "unsafe")])
    runs = scene.stack.start_runs(slug, 3)
    scene.stack.wait(lambda: StepRun.objects.filter(path="first", status="succeeded").count() == 3, 20, "first steps")
    old_files, settings.MEDIA_ROOT = new_host / "files", tmp_path / "old-files"
    stored = files.save(scene.department.pk, "brief.txt", b"what was agreed", "text/plain")

    clara = _who_decided(scene)
    backup = making.back_up(tmp_path / "backups")
    scene.stack.wait_for_end(runs, 20)
    _leaves_and_is_erased(clara)
    late = scene.stack.start_runs(slug, 1)
    sealer = Sealer([InFile(settings.LEDGER_ANCHORS)], new_host / "ledger-public-keys")
    sealer.tick(at_once=True)
    told = json.loads(settings.LEDGER_ANCHORS.read_text().splitlines()[-1])
    scene.stack.wait_for_end(late, 20)

    settings.MEDIA_ROOT = old_files
    with an_empty_database(DRILL), speaking_to({"NAME": DRILL}):
        done = restoring.restore(backup, replace=False)
        replaced = Entry.objects.get(verb="ledger.history_replaced").detail
        assert (replaced["old_batch"], replaced["old_hash"]) == (told["batch"], told["hash"])
        assert (replaced["new_batch"], replaced["restored_from"]) == (done.manifest.head.batch, done.manifest.at)
        assert not Run.objects.filter(pk__in=late).exists(), "what came after the backup is gone"
        assert done.erased_again == 1
        _nothing_says_who(clara)
        assert files.read(files.StoredFile.objects.get(pk=stored.pk)) == b"what was agreed"

        stack = Stack(tmp_path / "stack", database_url(), f"{scene.stack.broker_url}?virtual_host=9", home=new_host)
        connection.close()
        try:
            stack.start("worker", "scheduler")
            stack.wait(lambda: StepRun.objects.filter(path="once", status="parked").count() == 3, 20, "parked steps")
        finally:
            stack.stop()
        # The keyed one came again under its old key; the one that nobody would know again did not come.
        assert scene.arrived("keyed", "first") == [1] * 4
        assert scene.arrived("keyed", "keyed") == [1, 2, 2, 2]
        assert scene.arrived("unsafe", "once") == [1] * 4
        assert scene.doubled() == {}
        assert Task.objects.filter(status="open", run_id__in=runs).count() == 3, "a person is asked"

        sealer.tick(at_once=True)
        public = keys(new_host / "ledger-public-keys")
        trust = Trust(public, anchors([settings.LEDGER_ANCHORS], public), keys(new_host / "ledger-keys"))
        _nothing_says_who(clara)
        found = verify(Connection.to(Address.of().info), trust, accept_set_back=True)
        assert (found.findings.told, found.set_back) == ([], 1)
        assert Entry.objects.filter(verb="ledger.history_replaced").count() == 1, "it is said once"
        _refusals(backup, tmp_path)
        _by_a_plain_role(backup, tmp_path, settings)


def _who_decided(scene: Scene) -> User:
    """Their words are in the ledger, sealed, and in the backup."""
    clara = factories.make_user(NAME, scene.department, Role.APPROVER)
    with transaction.atomic():
        told = {"reason": Words(f"{NAME} asked for it.")}
        record("run.cancelled", actor=actor_for_user(clara), department=scene.department.slug, thing=clara, **told)
    return clara


def _leaves_and_is_erased(person: User) -> None:
    """After the backup (rule A11)."""
    for membership in person.memberships.all():
        remove_member(membership, actor=SYSTEM)
    deactivate_user(person, actor=SYSTEM)
    erase_person(person, reason="Asked for", actor=SYSTEM)


def _nothing_says_who(person: User) -> None:
    """Neither the row of the person nor a word of theirs is back, anywhere in this database."""
    assert User.objects.get(pk=person.pk).erased_at is not None
    assert not Payload.objects.filter(subject=str(person.pk)).exists()
    assert not DataKey.objects.filter(subject=str(person.pk)).exists()
    dumped = run("pg_dump", connection.pg_version, "--dbname", Address.of().info, at=Address.of())
    assert "audit_payload" in dumped
    assert NAME not in dumped


def _refusals(backup: Path, folder: Path) -> None:
    """Everything stays as it was; and what is replaced is kept."""
    with pytest.raises(CannotBackUp, match="is not empty, and nothing is ever restored over"):
        restoring.restore(backup, replace=False)
    with psycopg.connect(Address.of().info), pytest.raises(CannotBackUp, match="Stop web, workers and scheduler"):
        restoring.restore(backup, replace=True)

    manifest = json.loads((backup / FILE).read_text())
    other = shutil.copytree(backup, folder / "other")
    (other / FILE).write_text(json.dumps({**manifest, "keys": {"TANDEM_VAULT_KEYS": ["lost"]}}))
    with pytest.raises(CannotBackUp, match="has not the keys lost"):
        restoring.restore(other, replace=True)
    (other / FILE).write_text(json.dumps({**manifest, "rows": {**manifest["rows"], "audit_entry": 0}}))
    with pytest.raises(CannotBackUp, match="the tables audit_entry do not hold what was backed up"):
        restoring.restore(other, replace=True)
    with psycopg.connect(Address.of().info) as session:
        assert session.execute("SELECT FROM pg_database WHERE datname LIKE '%\\_restored\\_%'").fetchall() == []
    with speaking_to({"NAME": "tandem_nowhere"}), pytest.raises(CannotBackUp, match="does not exist"):
        restoring.restore(backup, replace=True)
    (other / DUMP).write_bytes(b"something else")
    with pytest.raises(CannotBackUp, match="is not what was backed up"):
        restoring.restore(other, replace=True)
    (other / FILE).unlink()
    with pytest.raises(CannotBackUp, match="is no backup, or was not finished"):
        restoring.restore(other, replace=True)

    entries = Entry.objects.count()
    done = restoring.restore(backup, replace=True)
    assert done.old.batch > done.manifest.head.batch
    with psycopg.connect(Address.of(done.kept_as).info) as kept:
        assert kept.execute("SELECT count(*) FROM audit_entry").fetchone() == (entries,)


def _leaves_nothing_behind(backup: Path, settings: Any) -> None:
    """Of a restore that fails when all tables are filled and migrated already: no file can be put back."""
    with psycopg.connect(Address.of().info) as session:
        before = undoing(session)
    media, settings.MEDIA_ROOT = settings.MEDIA_ROOT, backup / FILE  # which is no folder
    with pytest.raises((CannotBackUp, OSError)):
        restoring.restore(backup, replace=False)
    settings.MEDIA_ROOT = media
    with psycopg.connect(Address.of().info) as session:
        assert undoing(session) == before, "nothing is there that was not there before, and nothing is gone"


def _by_a_plain_role(backup: Path, folder: Path, settings: Any) -> None:
    """As docs/operating.md sets it up: a role that owns its database, and may make neither roles nor extensions."""
    manifest = json.loads((backup / FILE).read_text())
    assert manifest["roles"] == [wall.ROLE], "an owner is not needed by name where another one restores"
    asking = shutil.copytree(backup, folder / "asking")
    (asking / FILE).write_text(
        json.dumps({**manifest, "extensions": ["vector", "postgres_fdw"], "roles": [wall.ROLE, "tandem_auditor"]})
    )
    with psycopg.connect(Address.of("postgres").info, autocommit=True) as server:
        server.execute(f"CREATE ROLE {PLAIN} LOGIN; GRANT {wall.ROLE} TO {PLAIN}")
        server.execute(f"CREATE DATABASE {PLAIN} OWNER {PLAIN}")
        try:
            with speaking_to({"NAME": PLAIN, "USER": PLAIN}):
                with pytest.raises(CannotBackUp, match="may not make what the backup needs") as refused:
                    restoring.restore(asking, replace=False)
                said = [line.strip() for line in str(refused.value).splitlines() if line.startswith("  ")]
                assert said == ['CREATE EXTENSION "postgres_fdw";', 'CREATE ROLE "tandem_auditor" NOLOGIN;']
                _leaves_nothing_behind(backup, settings)
                assert restoring.restore(backup, replace=False).manifest.rows == manifest["rows"]
                with connection.cursor() as cursor:
                    cursor.execute("CREATE TABLE of_later ()")
                    cursor.execute("SELECT has_table_privilege(%s, 'of_later', 'SELECT')", [wall.ROLE])
                    assert cursor.fetchone() == (True,), "tables of later versions are open to whoever is walled, too"
                wall.stand_behind([])
                assert Run.objects.count() == 0
                wall.take_down()
        finally:
            server.execute(f"DROP DATABASE {PLAIN} WITH (FORCE)")
            server.execute(f"DROP ROLE {PLAIN}")
