"""The database is cut off, restarted, away, silent, full of sessions, or locked: runs end all the same, each step once.

Cases D01 to D04, D08 and D09. One stack over one server of this module's own takes all the blows.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import connection

from departments.access import SYSTEM
from tests.clusters import cluster, copied
from tests.faults.crowd import at_once, scaled
from tests.faults.postgres import Server
from tests.faults.rig import (
    Starter,
    a_stack,
    asked,
    busy_steps,
    forget_messages,
    new_folder,
    outcomes,
    repeatedly,
    scene_on,
)
from tests.faults.scenes import Scene
from tests.faults.sink import Sink
from tests.faults.stack import Stack
from workflows.models import Run, Task
from workflows.services.tasks import decide_task

SEED = 20261122
RUNS = scaled(6)
RECOVERY_S = 15.0


@dataclass
class Rig:
    server: Server
    stack: Stack


@pytest.fixture(scope="module")
def rig(django_db_setup: None, django_db_blocker: Any, broker: str) -> Iterator[Rig]:
    folder = new_folder()
    server = Server(copied(cluster(), folder / "database")).start()
    stack = a_stack(folder / "stack", server.url, broker)
    forget_messages(broker)
    try:
        with django_db_blocker.unblock(), server.as_the_database():
            stack.start("web", "worker", "scheduler")
            yield Rig(server, stack)
            stack.stop()
    finally:
        stack.stop()
        server.thaw()
        server.kill()


@pytest.fixture
def scene(rig: Rig, sink: Sink) -> Iterator[Scene]:
    with scene_on(rig.server, rig.stack, sink) as scene:
        yield scene


@pytest.fixture
def starter(scene: Scene) -> Starter:
    return Starter(scene, scene.workflow(busy_steps(scene)))


def test_d01_sessions_that_are_ended_at_random_fail_no_run(rig: Rig, scene: Scene, starter: Starter) -> None:
    dice = random.Random(SEED)

    with repeatedly(lambda: rig.server.cut_sessions(dice, 0.6), every_s=0.4) as cut:
        starter.start(RUNS, pause_s=0.4)
    connection.close()
    rig.stack.wait_for_end(starter.ids, RECOVERY_S)

    assert outcomes(starter.ids) == {"succeeded": RUNS}
    assert scene.doubled() == {}
    assert sum(cut) >= RUNS // 2, "else nothing was shown"


def test_d02_a_server_that_restarts_again_and_again_loses_no_run_no_timer_and_no_decision(
    rig: Rig, scene: Scene, starter: Starter
) -> None:
    dice = random.Random(SEED)
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "May it go out?"}}
    asking = Starter(scene, scene.workflow([ask, scene.effect("sent")]))
    questions = asking.start(scaled(3))
    rig.stack.wait(lambda: Task.objects.filter(run__in=questions).count() == len(questions), 10, "the questions")

    for part in range(scaled(4)):
        starter.start(max(1, RUNS // 4), pause_s=0.2)
        if part < len(questions):
            decide_task(Task.objects.get(run=questions[part]), actor=SYSTEM, decision="approve")
        connection.close()
        rig.server.restart(down_s=dice.uniform(0, 2), hard=part % 2 == 1)
    for task in Task.objects.filter(run__in=questions, status="open"):
        decide_task(task, actor=SYSTEM, decision="approve")
    rig.stack.wait_for_end([*starter.ids, *questions], RECOVERY_S)

    assert outcomes(starter.ids) == {"succeeded": len(starter.ids)}
    assert outcomes(questions) == {"succeeded": len(questions)}
    assert scene.doubled() == {}


def test_d03_while_the_server_is_away_the_api_says_so_and_nobody_runs_in_circles(
    rig: Rig, scene: Scene, starter: Starter
) -> None:
    starter.start(RUNS)
    connection.close()
    rig.server.stop()

    answers = at_once(3, lambda number: asked(rig.stack, ["/api/v1/runs", "/api/v1/workflows", "/readyz"][number]))
    rig.stack.keep_for(2)
    deaths = {name: rig.stack.deaths(name) for name in rig.stack.kept}
    rig.server.start()
    rig.stack.wait_for_end(starter.ids, RECOVERY_S)

    assert [status for status, _, _ in answers] == [503] * 3
    assert all(int(headers["Retry-After"]) > 0 for _, headers, _ in answers[:2])
    print(f"D03: 503 after {max(seconds for _, _, seconds in answers):.1f} s")
    assert deaths == dict.fromkeys(rig.stack.kept, 0), "no process ends because the database is away"
    assert outcomes(starter.ids) == {"succeeded": RUNS}
    assert scene.doubled() == {}


def test_d04_a_server_that_is_alive_and_silent_lets_nobody_write_who_lost_the_right_to(
    rig: Rig, scene: Scene, starter: Starter
) -> None:
    starter.start(RUNS)
    rig.stack.wait(lambda: scene.sink.arrived(name="a"), 10, "the first effect")

    rig.server.freeze()
    rig.stack.keep_for(6)
    rig.server.thaw()
    rig.stack.wait_for_end(starter.ids, RECOVERY_S)

    assert outcomes(starter.ids) == {"succeeded": RUNS}
    assert scene.doubled() == {}


def test_d08_without_a_free_connection_the_api_says_so_and_all_recover(
    rig: Rig, scene: Scene, starter: Starter
) -> None:
    starter.start(RUNS)

    connection.close()
    rig.server.cut_sessions(random.Random(SEED), 1.0)
    with rig.server.hold_connections() as held:
        status, headers, _ = asked(rig.stack, "/api/v1/runs")
        rig.stack.keep_for(3)
    began = time.monotonic()
    rig.stack.wait_for_end(starter.ids, RECOVERY_S)
    starter.start(1)

    assert held > 50
    assert status in (200, 503), "whoever has a connection left may answer"
    assert status == 200 or headers["Retry-After"]
    assert outcomes(starter.ids[:RUNS]) == {"succeeded": RUNS}
    assert {name: rig.stack.deaths(name) for name in rig.stack.kept} == dict.fromkeys(rig.stack.kept, 0)
    print(f"D08: all runs ended {time.monotonic() - began:.1f} s after connections were free again")
    rig.stack.wait_for_end(starter.ids, RECOVERY_S)


def test_d09_deadlocks_and_locks_that_last_leave_no_half_transition(rig: Rig, scene: Scene, starter: Starter) -> None:
    """Somebody locks steps before their runs, the other way round than the engine, and now and then a whole table."""
    tried: list[str] = []

    def entangle() -> str:
        with rig.server.connect() as session, session.transaction():
            session.execute("SET LOCAL deadlock_timeout = '10s'")  # so that the engine is the one that is ended
            live = session.execute(
                "SELECT id, run_id FROM workflows_steprun WHERE status IN ('ready', 'running', 'waiting') LIMIT 3"
                " FOR UPDATE"
            ).fetchall()
            time.sleep(0.2)
            session.execute(
                "SELECT 1 FROM workflows_run WHERE id = ANY(%s) FOR UPDATE", [[run_id for _, run_id in live]]
            )
        tried.append("entangled")
        return "entangled"

    with repeatedly(entangle, every_s=0.1) as blows:
        starter.start(RUNS, pause_s=0.3)
    with rig.server.connect() as session, session.transaction():
        session.execute("LOCK TABLE workflows_steprun IN ACCESS EXCLUSIVE MODE")
        rig.stack.keep_for(4)
    rig.stack.wait_for_end(starter.ids, RECOVERY_S)

    assert "entangled" in blows
    assert not [blow for blow in blows if isinstance(blow, Exception) and not isinstance(blow, psycopg.Error)]
    assert outcomes(starter.ids) == {"succeeded": RUNS}
    assert Run.objects.filter(pk__in=starter.ids).count() == RUNS
    assert scene.doubled() == {}
