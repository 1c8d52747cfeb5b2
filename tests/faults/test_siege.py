"""K27, as a smoke: the chaos command for half a minute. The whole of it is `python3 manage.py test --chaos`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from config.env import ROOT
from tests.faults import nemesis

PATIENCE_S = 400


@pytest.mark.timeout(PATIENCE_S + 30)
def test_a_stack_under_siege_loses_nothing_and_does_nothing_twice() -> None:
    """K27, D02"""
    said = besieged("--minutes", "0.3", "--seed", "27")

    assert "0 violations" in said
    assert "Seed 27: held." in said


def test_the_same_seed_does_the_same_to_the_same() -> None:
    blows = nemesis.plan(seed=5, seconds=600, pause=(5, 40))

    assert blows == nemesis.plan(seed=5, seconds=600, pause=(5, 40)) != nemesis.plan(seed=6, seconds=600, pause=(5, 40))
    assert {blow.stream for blow in blows} == set(nemesis.DEEDS)
    for stream in nemesis.DEEDS:
        moments = [blow.at_s for blow in blows if blow.stream == stream]
        gaps = [later - earlier for earlier, later in zip([0.0, *moments], moments, strict=False)]
        assert 5 <= min(gaps) <= max(gaps) <= 40


def besieged(*arguments: str) -> str:
    """What the command said. It must have ended well."""
    command = [sys.executable, "manage.py", "test", "--chaos", *arguments, "--only", "siege"]
    environment = {**os.environ, "TANDEM_NO_BOOTSTRAP": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as chaos:
        try:
            said = chaos.communicate(timeout=PATIENCE_S)[0]
        except subprocess.TimeoutExpired:
            chaos.send_signal(signal.SIGINT)
            raise
    assert chaos.returncode == 0, said
    return said
