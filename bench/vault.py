"""`python -m bench.vault scrub N`, `rotate N`, `guard N PORT`: what keeping secrets and guarding the door cost (JSON).

Each looks at its result as well: a fast figure of something that does not work would be none.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from config.env import ROOT

LINE_BYTES = 1_000_000
ROUNDS = 20
PROSE = "A run of press_digest asked https://archive.example/v1/articles?page=2 and was answered with 200 in 0.31 s. "


def scrub(count: int) -> Mapping[str, Any]:
    """One line of a log with 1 MB, so many secrets known: seconds of each pass, and of making the machine."""
    from connectors.scrubbing import Scrubber

    values = [secrets.token_urlsafe(30) for _ in range(count)]
    built_s, scrubber = _timed(lambda: Scrubber(values))
    prose = (PROSE * (LINE_BYTES // len(PROSE) + 1))[:LINE_BYTES]
    letters = secrets.token_urlsafe(LINE_BYTES)[:LINE_BYTES]
    half = LINE_BYTES // 2
    leaking = f"{prose[:half]}{values[-1]}{prose[half:]}"
    expected = {prose: prose, letters: letters, leaking: f"{prose[:half]}[secret]{prose[half:]}"}
    took = []
    for _ in range(ROUNDS):
        for line, wanted in expected.items():
            seconds, scrubbed = _timed(lambda line=line: scrubber.text(line))  # type: ignore[misc]
            took.append(seconds)
            assert scrubbed == wanted, "a text without a secret was changed, or one was left in"
    return {"took_s": took, "built_s": built_s}


def rotate(count: int) -> Mapping[str, Any]:
    """A new key over so many secrets, killed at the half and begun again, while they are being opened (case X09)."""
    from django.conf import settings

    from connectors import vault
    from connectors.models import Secret

    kept, before = _kept(count), list(settings.VAULT_KEYS.known)
    with _being_opened(list(kept)) as opened:
        began = time.monotonic()
        first = subprocess.Popen([*COMMAND, "rotate_vault_key"], cwd=ROOT, stdout=subprocess.DEVNULL)
        while _under(before) > count / 2 and first.poll() is None:
            time.sleep(0.01)
        first.kill()
        first.wait()
        broken_off_at = count - _under(before)
        subprocess.run([*COMMAND, "rotate_vault_key", "--go-on"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        took_s = time.monotonic() - began
    settings.VAULT_KEYS.read_anew()
    assert vault.under_old_keys() == 0, "some secrets are under an old key still"
    newest = dict([next(iter(settings.VAULT_KEYS.known.items()))])
    rows = Secret.objects.filter(pk__in=kept)
    lost = sum(_opened(row, newest) != kept[row.pk] for row in rows)
    assert (rows.count(), lost) == (count, 0), f"{lost} secrets were lost"
    rows.delete()
    return {"took_s": took_s, "broken_off_at": broken_off_at, "opened_meanwhile": opened()}


def guard(count: int, port: int) -> Mapping[str, Any]:
    """So many requests through the guarded door, and as many without it, to a server of ours: seconds of each."""
    from connectors import net

    hosts = [f"service-{number}.example.com" for number in range(100)]
    door = net.Door(net.Egress((*hosts, f"private:http://localhost:{port}")))
    took: dict[str, list[float]] = {"guarded": [], "plain": []}
    for _ in range(count):
        took["plain"].append(_timed(lambda: _plainly(port))[0])
        seconds, answer = _timed(lambda: door.send("GET", f"http://localhost:{port}/healthz"))
        assert answer.status == 200
        took["guarded"].append(seconds)
    return took


def _plainly(port: int) -> None:
    connection = http.client.HTTPConnection("localhost", port, timeout=10)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    connection.close()


COMMAND = (sys.executable, "manage.py")


def _kept(count: int) -> dict[Any, str]:
    """So many secrets of the first department: their values, by id."""
    from django.conf import settings

    from connectors.models import Secret
    from connectors.vault import keeping, sealing
    from departments.models import Department

    department = Department.objects.order_by("slug")[0]
    rows, values = [], {}
    for _ in range(count):
        row = Secret(department=department, version=1)
        values[row.pk] = json.dumps({"token": secrets.token_urlsafe(30)})
        sealed = sealing.seal(values[row.pk].encode(), keeping._about(row), settings.VAULT_KEYS.known)
        row.key_id, row.wrapped, row.body = sealed.key_id, sealed.wrapped, sealed.body
        rows.append(row)
    Secret.objects.bulk_create(rows, batch_size=1_000)
    return values


def _under(keys: list[str]) -> int:
    """How many secrets are under these keys."""
    from connectors.models import Secret

    return Secret.objects.filter(key_id__in=keys).count()


def _opened(row: Any, keys: Mapping[str, bytes]) -> str:
    from connectors.vault import keeping, sealing

    return sealing.unseal(keeping._sealed(row), keeping._about(row), keys).decode()


@contextmanager
def _being_opened(ids: list[Any]) -> Iterator[Callable[[], int]]:
    """Meanwhile others use the secrets, as workers do; how often that went well. Raises what went wrong."""
    from django.db import connection

    from connectors import vault
    from connectors.models import Secret

    over, failures, opened = threading.Event(), [], [0]

    def use() -> None:
        try:
            while not over.is_set():
                vault.opened(Secret.objects.get(pk=random.choice(ids)))
                opened[0] += 1
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    user = threading.Thread(target=use)
    user.start()
    try:
        yield lambda: opened[0]
    finally:
        over.set()
        user.join()
    if failures:
        raise failures[0]


def _timed(do: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    given = do()
    return time.perf_counter() - began, given


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    what, *numbers = sys.argv[1:]
    print(json.dumps({"scrub": scrub, "rotate": rotate, "guard": guard}[what](*map(int, numbers))))


if __name__ == "__main__":
    main()
