"""`python3 manage.py test --chaos [--minutes M] [--seed S]`: a siege of the whole stack, then the long state machine.

python -m tests.faults.chaos --minutes 5 --seed 7 --only siege
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from config.env import ROOT

STATE_MACHINE = "tests/faults/test_state_machine.py"
MODEL_STEPS = 20_000
WHOLE_FROM_MINUTES = 10
"""A shorter chaos goes through fewer steps of the state machine, in proportion."""


def main(argv: Sequence[str]) -> int:
    """0 when everything held."""
    asked = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _leave)
    holds = True
    if asked.only in ("", "siege"):
        holds = _besiege(asked.minutes, asked.seed)
    if asked.only in ("", "model"):
        holds = _state_machine(asked.minutes, asked.seed) and holds
    if asked.cases and asked.only in ("", "cases"):
        holds = _cases(asked.cases) and holds
    return 0 if holds else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 manage.py test --chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long the siege lasts (30)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**9), help="all randomness; printed at the start"
    )
    parser.add_argument("--cases", type=float, default=0.0, help="also the single cases, each so many times as large")
    parser.add_argument("--only", choices=["siege", "model", "cases"], default="", help="one of the parts")
    return parser


def _besiege(minutes: float, seed: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="tandem-chaos-", ignore_cleanup_errors=True) as home:
        _set_up(Path(home))
        from tests.faults import siege

        return siege.Siege(siege.Dose(minutes, seed), _say).run()


def _set_up(home: Path) -> None:
    """Django on a home of its own, with the settings that its worker processes have."""
    for name in ("DATABASE_URL", "CELERY_BROKER_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        os.environ.pop(name, None)
    os.environ |= {
        "TANDEM_HOME": str(home),
        "TANDEM_NO_BOOTSTRAP": "1",
        "DJANGO_SETTINGS_MODULE": "tests.impatient",
    }
    import django

    django.setup()


def _state_machine(minutes: float, seed: int) -> bool:
    steps = round(MODEL_STEPS * min(1.0, minutes / WHOLE_FROM_MINUTES))
    print(f"The state machine, {steps} steps, seed {seed}.", flush=True)
    return _pytest([f"--hypothesis-seed={seed}", STATE_MACHINE], {"TANDEM_MODEL_STEPS": str(steps)})


def _cases(times: float) -> bool:
    print(f"The single cases, {times:g} times as large as in the ordinary tests.", flush=True)
    left_out = [f"--ignore={STATE_MACHINE}", "--ignore=tests/faults/test_siege.py"]
    return _pytest([*left_out, "tests/faults"], {"FAULT_N": str(times)})


def _pytest(arguments: list[str], environment: dict[str, str]) -> bool:
    """Whether all passed. They choose a home of their own; that of the siege would be in the way."""
    ours = ("DJANGO_SETTINGS_MODULE", "TANDEM_HOME")
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, "-m", "pytest", "-q", "--timeout=0", *arguments]
    return not subprocess.call(command, cwd=ROOT, env={**inherited, **environment})


def _leave(number: int, frame: FrameType | None) -> None:
    """Asked to end, it takes its whole stack along."""
    sys.exit(f"Stopped by {signal.Signals(number).name}.")


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
