"""The database is lost and its standby takes over, its disk is full, the line to it is cut (cases D05, D07, D10)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.clusters import cluster, copied
from tests.faults.crowd import scaled
from tests.faults.postgres import Server, SmallDisk, small_disk, standby_of, url_of
from tests.faults.rig import Starter, a_stack, busy_steps, forget_messages, new_folder, outcomes, scene_on
from tests.faults.sink import Sink
from tests.faults.wire import Wire
from workflows.models import Run

RUNS = scaled(6)
RECOVERY_S = 20.0


@pytest.fixture
def folder(django_db_setup: None, django_db_blocker: Any) -> Iterator[Path]:
    with django_db_blocker.unblock():
        yield new_folder()


@pytest.fixture
def home(folder: Path) -> Path:
    return copied(cluster(), folder / "database")


def test_d05_a_standby_that_takes_over_has_every_run_that_was_accepted(
    home: Path, folder: Path, broker: str, sink: Sink
) -> None:
    primary = Server(home).start()
    heir = standby_of(primary, folder / "heir")
    address = {"target_session_attrs": "read-write"}
    hosts = [primary.sockets, heir.sockets]
    stack = a_stack(folder / "stack", url_of(hosts, **address), broker)
    forget_messages(broker)
    options = connection.settings_dict["OPTIONS"]
    options |= address
    try:
        with primary.as_the_database(",".join(map(str, hosts))):
            stack.start("web", "worker", "scheduler")
            with scene_on(primary, stack, sink) as scene:
                starter = Starter(scene, scene.workflow(busy_steps(scene)))
                starter.start(RUNS)
                connection.close()
                primary.kill()
                heir.promote()
                starter.start(RUNS)
                stack.wait_for_end(starter.ids, RECOVERY_S)

                assert outcomes(starter.ids) == {"succeeded": 2 * RUNS}
                assert scene.doubled() == {}
            stack.stop()
    finally:
        options.pop("target_session_attrs")
        stack.stop()
        primary.kill()
        heir.kill()


@pytest.fixture
def disk(folder: Path) -> Iterator[SmallDisk]:
    if os.geteuid() != 0:
        pytest.fail("This test mounts a small disk, which only root may do. Run it in a container as root.")
    with small_disk(folder / "database" / "postgres", megabytes=160) as disk:
        copied(cluster(), folder / "database")
        yield disk


def test_d07_a_full_disk_loses_nothing_and_everything_goes_on_when_there_is_space(
    disk: SmallDisk, folder: Path, broker: str, sink: Sink
) -> None:
    server = Server(folder / "database").start()
    stack = a_stack(folder / "stack", server.url, broker)
    forget_messages(broker)
    try:
        with server.as_the_database():
            stack.start("web", "worker", "scheduler")
            with scene_on(server, stack, sink) as scene:
                starter = Starter(scene, scene.workflow(busy_steps(scene)))
                starter.start(RUNS)
                connection.close()
                heard = full_for(disk, server, starter, seconds=6)
                if server.process is not None and server.process.exit_code() is not None:
                    server.kill()
                    server.start()
                starter.start(RUNS)
                stack.wait_for_end(starter.ids, RECOVERY_S)

                assert 503 in heard, heard
                assert set(heard) <= {201, 503, 0}, heard
                assert outcomes(starter.ids) == {"succeeded": len(starter.ids)}
                assert scene.doubled() == {}
                assert {name: stack.deaths(name) for name in stack.kept} == dict.fromkeys(stack.kept, 0)
            stack.stop()
        sound(server)
    finally:
        stack.stop()
        server.kill()


def full_for(disk: SmallDisk, server: Server, starter: Starter, seconds: float) -> list[int]:
    """Fill the disk and keep it full while runs are asked for; what the API said. Accepted ones count as started."""
    heard: list[int] = []
    over = threading.Event()

    def keep_full() -> None:
        while not over.is_set():
            disk.fill()
            time.sleep(0.05)

    keeper = threading.Thread(target=keep_full)
    keeper.start()
    # What is written ahead has a segment of its own already; fill that up too.
    spend_log(server)
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until or 503 not in heard:
            answer = starter.scene.stack.start_run(starter.slug, key=f"full-{len(heard)}")
            heard.append(answer.status)
            if answer.status == 201:
                starter.ids.append(answer.body["id"])
            starter.scene.stack.keep_for(0.2)
            assert time.monotonic() < until + 60, f"a full disk was never noticed: {heard}"
    finally:
        over.set()
        keeper.join()
        disk.clear()
    return heard


def spend_log(server: Server) -> None:
    try:
        with server.connect() as session:
            for _ in range(100):
                session.execute("SELECT pg_logical_emit_message(false, 'faults', repeat('x', 1000000))")
    except Exception as error:
        print(f"D07: the log is full: {str(error).splitlines()[0]}")


def sound(server: Server) -> None:
    """Every table and index can be read to its end, and agrees with the other."""
    with server.connect() as session:
        session.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        session.execute(
            "SELECT bt_index_check(index.indexrelid, true) FROM pg_index AS index"
            " JOIN pg_class AS class ON class.oid = index.indexrelid JOIN pg_am AS am ON am.oid = class.relam"
            " WHERE am.amname = 'btree' AND class.relnamespace = 'public'::regnamespace"
        )


@pytest.mark.parametrize("cut", [Wire.reset, Wire.silence], ids=["reset", "silent"])
def test_d10_a_line_that_was_cut_while_it_was_idle_is_made_anew(
    cut: Callable[[Wire], int], home: Path, folder: Path, broker: str, sink: Sink
) -> None:
    server = Server(home).start()
    wire = Wire(server.sockets / ".s.PGSQL.5432").start()
    address = f"postgresql://postgres@127.0.0.1:{wire.port}/tandem"
    stack = a_stack(folder / "stack", address, broker)
    forget_messages(broker)
    try:
        with server.as_the_database():
            stack.start("web", "worker", "scheduler")
            with scene_on(server, stack, sink) as scene:
                starter = Starter(scene, scene.workflow(busy_steps(scene)))
                starter.start(RUNS)
                stack.wait_for_end(starter.ids, RECOVERY_S)

                assert cut(wire) > 0
                began = time.monotonic()
                starter.start(RUNS, patience_s=60)
                stack.wait_for_end(starter.ids, RECOVERY_S)

                print(f"D10: {time.monotonic() - began:.1f} s for {RUNS} runs after the cut; heard {starter.heard}")
                assert outcomes(starter.ids) == {"succeeded": 2 * RUNS}
                assert Run.objects.filter(workflow__slug=starter.slug, parent=None).count() == 2 * RUNS
                assert scene.doubled() == {}
            stack.stop()
    finally:
        stack.stop()
        wire.stop()
        server.kill()
