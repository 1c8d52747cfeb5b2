"""What proves who calls is compared in constant time, and a token is found by its hash (case W07)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import time
from datetime import UTC, datetime
from statistics import correlation, median
from types import SimpleNamespace
from typing import Any

import pytest
from standardwebhooks import Webhook

from config import metrics
from connectors import vault
from departments import tokens
from tests.faults import pace
from workflows.services import hooks

SECRET = f"whsec_{base64.b64encode(b'correct horse battery staple 123').decode()}"
BODY = b'{"text": "All is well."}'
TRIGGER: Any = SimpleNamespace(secret=object())
SIGNED: Any = SimpleNamespace(proof="signature", header="X-Signature")
STANDARD: Any = SimpleNamespace(proof="standard")


@pytest.fixture(autouse=True)
def _opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "opened", lambda _secret: {"secret": SECRET})


def calls() -> list[tuple[Any, hooks.Call]]:
    """One of each proof, right in all but its last byte."""
    now = datetime.now(UTC)
    digest = bytearray(hmac.digest(SECRET.encode(), BODY, "sha256"))
    digest[-1] ^= 1
    signature = bytearray(base64.b64decode(Webhook(SECRET).sign("msg_1", now, BODY.decode()).removeprefix("v1,")))
    signature[-1] ^= 1
    told = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp()))}
    told["webhook-signature"] = f"v1,{base64.b64encode(signature).decode()}"
    return [
        (SIGNED, hooks.Call(BODY, {"x-signature": digest.hex()}, {})),
        (STANDARD, hooks.Call(BODY, told, {})),
    ]


def test_what_compares_proofs_is_the_one_that_takes_the_same_time(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    true = hmac.compare_digest

    def seen(one: bytes, other: bytes) -> bool:
        compared.append((bytes(one), bytes(other)))
        return true(one, other)

    monkeypatch.setattr(hmac, "compare_digest", seen)
    for asked, call in calls():
        with pytest.raises(hooks.NotProven):
            hooks.check_proof(TRIGGER, asked, call)
    settings.METRICS_TOKEN = "told-to-nobody"
    assert not metrics.is_known("Bearer told-to-nobodz")

    assert [one[:-1] == other[:-1] and one != other for one, other in compared] == [True] * 3


def test_a_token_is_looked_up_by_a_hash_that_its_letters_do_not_steer() -> None:
    secret = "tdm_" + "a" * 43
    near = secret[:-1] + "b"
    assert tokens.digest_of(secret) == hashlib.sha256(secret.encode()).hexdigest()
    assert tokens.digest_of(secret)[:4] != tokens.digest_of(near)[:4], "a lookup never gets as far as the letters do"


PROOFS = 2_000 if len(pace.rounds()) == 1 else 100_000


def test_the_time_that_a_wrong_proof_takes_says_nothing_about_it() -> None:
    """Many of them, in an order by chance: how many bytes are right, and the time of `check_proof`."""
    right = hmac.digest(SECRET.encode(), BODY, "sha256")
    dice, byte_count, took = random.Random(7), [], []
    for _ in range(PROOFS):
        good = dice.randrange(len(right))
        wrong = right[:good] + bytes([right[good] ^ 1]) + dice.randbytes(len(right) - good - 1)
        call = hooks.Call(BODY, {"x-signature": wrong.hex()}, {})
        began = time.perf_counter_ns()
        with pytest.raises(hooks.NotProven):
            hooks.check_proof(TRIGGER, SIGNED, call)
        took.append(time.perf_counter_ns() - began)
        byte_count.append(good)

    usual = 3 * median(took)  # others took the core meanwhile
    kept = [(good, each) for good, each in zip(byte_count, took, strict=True) if each < usual]
    found = correlation(*zip(*kept, strict=True))
    print(f"W07: r = {found:+.5f} over {len(kept):,} of {PROOFS:,}, median {median(took) / 1000:.1f} us")
    assert abs(found) < 4 / PROOFS**0.5, "four times what chance gives for so many"
