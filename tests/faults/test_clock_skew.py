"""Clocks that are wrong: the worker's never counts, and the database's may step back (cases C01 to C03).

The processes run under libfaketime, which lies to them about the time of day and leaves the monotonic clock alone, as a
wrong clock does.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clusters import cluster, copied
from tests.faults.crowd import scaled
from tests.faults.pace import rounds
from tests.faults.postgres import Server
from tests.faults.rig import a_stack, forget_messages, new_folder, outcomes, scene_on
from tests.faults.scenes import Scene, lost
from tests.faults.sink import Sink
from tests.faults.stack import Stack, database_url
from workflows.models import JournalEntry, Run, StepRun

SKEWED = {"DJANGO_SETTINGS_MODULE": "tests.faults.skewed"}
RUNS = scaled(6)
RECOVERY_S = 30.0
LONGER_THAN_A_LEASE_S = 12
"""A lease of tests.faults.skewed, and two seconds."""


@pytest.fixture(scope="session")
def faketime() -> str:
    """Path of the library; installs Debian's where root may and none is there."""
    if shutil.which("apt-get") and not found():
        subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
        subprocess.run(["apt-get", "install", "-q", "-y", "faketime"], check=False, capture_output=True)
    return found() or pytest.fail("The clock tests need libfaketime. Install it: apt-get install faketime.")


def found() -> str:
    return next((str(path) for path in Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1")), "")


def lied_to(library: str, file: Path) -> dict[str, str]:
    """Environment of a process whose time of day is off by what stands in the file, at every look."""
    return {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


@pytest.fixture
def offset(tmp_path: Path) -> Callable[[str], Path]:
    """Write down by how much the clock is off: `+1h`, `-10m`, `+0`."""

    def write(text: str) -> Path:
        file = tmp_path / "offset"
        file.with_suffix(".new").write_text(f"{text}\n")
        return file.with_suffix(".new").rename(file)

    return write


@pytest.fixture
def stack(transactional_db: None, broker: str, tmp_path: Path) -> Iterator[Stack]:
    """Web and scheduler with a true clock. Each test adds its own worker."""
    forget_messages(broker)
    stack = a_stack(tmp_path / "stack", database_url(), broker)
    stack.start("web", "scheduler")
    yield stack
    stack.stop()


def napping(scene: Scene) -> list[dict[str, Any]]:
    return [
        scene.effect("a", "keyed"),
        {"id": "nap", "kind": "flow.wait", "with": {"for_s": 2}},
        scene.effect("b", "unsafe"),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("off", ["-1h", "+10y", "+1h"][: 1 + len(rounds())])
def test_c01_a_worker_whose_clock_is_wrong_is_never_early_and_steals_nothing(
    off: str, scene: Scene, faketime: str, offset: Callable[[str], Path]
) -> None:
    stack = scene.stack
    stack.environment = lied_to(faketime, offset(off)) | SKEWED
    stack.start("worker")
    stack.environment = SKEWED
    runs = stack.start_runs(scene.workflow([scene.effect("warm")]), 1)
    stack.wait_for_hits("msg_received_before_claim", 1, quiet_s=20)  # it listens: what follows is its work
    runs += stack.start_runs(scene.workflow(napping(scene)), RUNS)
    stack.wait_for_end(runs, RECOVERY_S)
    assert stack.hits()["msg_received_before_claim"] > RUNS
    stack.start("worker.2")  # its clock is right
    long = scene.workflow([scene.effect("long", "keyed", sleep_s=LONGER_THAN_A_LEASE_S)])
    runs += stack.start_runs(long, 4)
    stack.wait_for_end(runs, RECOVERY_S)

    assert outcomes(runs) == {"succeeded": len(runs)}
    assert all(step.output["waited_s"] >= 2 for step in StepRun.objects.filter(step_id="nap"))
    assert scene.arrived("keyed", "long") == [1] * 4
    assert (lost(), scene.doubled()) == (0, {})
    assert "Traceback" not in (stack.folder / "log" / "worker.log").read_text()


@pytest.mark.django_db(transaction=True)
def test_c02_a_clock_that_jumps_back_in_the_middle_of_a_step_costs_no_lease(
    scene: Scene, faketime: str, offset: Callable[[str], Path]
) -> None:
    stack = scene.stack
    stack.environment = lied_to(faketime, offset("+0")) | SKEWED
    stack.start("worker")
    slug = scene.workflow([scene.effect("a", "keyed", sleep_s=LONGER_THAN_A_LEASE_S), scene.effect("b", "unsafe")])

    runs = stack.start_runs(slug, RUNS)
    stack.wait(lambda: StepRun.objects.filter(status="running").count() == RUNS, 15, "all steps under way")
    offset("-10m")
    stack.wait_for_end(runs, RECOVERY_S)

    assert outcomes(runs) == {"succeeded": RUNS}
    assert scene.arrived("keyed") == [1] * RUNS
    assert (lost(), scene.doubled()) == (0, {})


def test_c03_a_database_clock_that_steps_back_makes_leases_longer_and_doubles_nothing(
    faketime: str,
    offset: Callable[[str], Path],
    django_db_setup: None,
    django_db_blocker: Any,
    broker: str,
    sink: Sink,
) -> None:
    """By some seconds instead of five minutes, so that what was written before the step comes due within the test."""
    folder = new_folder()
    file = offset("+0")
    file.chmod(0o644)
    clock = shutil.copy(file, folder / "clock")
    server = Server(copied(cluster(), folder / "database"), environment=lied_to(faketime, Path(clock)))
    server.start()
    stack = a_stack(folder / "stack", server.url, broker)
    forget_messages(broker)
    try:
        with django_db_blocker.unblock(), server.as_the_database():
            stack.start("web", "worker", "scheduler")
            with scene_on(server, stack, sink) as scene:
                steps = [scene.effect("a", "keyed", sleep_s=2), *napping(scene)[1:]]
                runs = stack.start_runs(scene.workflow(steps), RUNS)
                stack.wait(lambda: StepRun.objects.filter(status="running").count() == RUNS, 15, "all under way")
                before = time_of(server)
                Path(clock).write_text("-8s\n")
                assert time_of(server) < before, "the database's clock has stepped back"
                stack.wait_for_end(runs, RECOVERY_S + 8)

                assert outcomes(runs) == {"succeeded": RUNS}
                assert scene.arrived("keyed") == [1] * RUNS
                assert (lost(), scene.doubled()) == (0, {})
                assert all(in_order(Run.objects.get(pk=pk)) for pk in runs)
            stack.stop()
    finally:
        stack.stop()
        server.kill()


def time_of(server: Server) -> Any:
    with server.connect() as session:
        return session.execute("SELECT clock_timestamp()").fetchone()[0]  # type: ignore[index]


def in_order(run: Run) -> bool:
    """The journal counts on, whatever its times say."""
    events = list(JournalEntry.objects.filter(run=run).order_by("seq").values_list("seq", "event"))
    return [seq for seq, _ in events] == list(range(1, len(events) + 1)) and events[-1][1] == "run.succeeded"
