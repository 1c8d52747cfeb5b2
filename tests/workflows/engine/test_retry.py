"""How long a step waits that was put off: as long as asked, a little apart, longer each time up to four minutes."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from workflows.engine.retry import LONGEST_PATIENCE, ask_again

HALF_A_MINUTE, MONTH = timedelta(seconds=30), timedelta(days=30)


@pytest.mark.parametrize(
    ("after", "times", "least", "most"),
    [
        (HALF_A_MINUTE, 1, timedelta(seconds=30), timedelta(seconds=45)),
        (HALF_A_MINUTE, 5, timedelta(seconds=60), timedelta(seconds=75)),
        (HALF_A_MINUTE, 1_000, timedelta(seconds=180), timedelta(seconds=195)),
        (timedelta(minutes=2), 1_000, LONGEST_PATIENCE, LONGEST_PATIENCE + timedelta(minutes=1)),
        (MONTH, 1, MONTH, MONTH + LONGEST_PATIENCE / 2),
        (MONTH, 1_000, MONTH, MONTH + LONGEST_PATIENCE / 2),
    ],
)
def test_who_is_put_off_comes_back_neither_early_nor_all_at_once(
    after: timedelta, times: int, least: timedelta, most: timedelta
) -> None:
    waits = {ask_again(after, times, random.Random(seed)) for seed in range(50)}

    assert least <= min(waits) <= max(waits) <= most
    assert len(waits) == 50
