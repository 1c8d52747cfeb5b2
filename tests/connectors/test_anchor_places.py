"""Where anchors go: syslog over UDP and TCP, a bucket that keeps them (rule A6)."""

from __future__ import annotations

import json
import re
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from audit.anchoring import CannotAnchor, InFile, Place
from audit.verify.encoding import Anchor
from connectors import net
from connectors.anchor_places import BadPlace, InSyslog, places

NOW = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)
ANCHOR = Anchor(12, bytes(32), 120, NOW, "k")
LINE = '{"tandem": "anchor", "batch": 12}'
USUAL = Path("/home/anchors")


def one(text: str) -> Place:
    (place,) = places(text, USUAL)
    return place


def test_without_a_word_it_is_the_usual_file() -> None:
    assert places("", USUAL) == [InFile(USUAL)]
    assert [place.name for place in places("file:///srv/a.jsonl, syslog+tls://log.example.org", USUAL)] == [
        "/srv/a.jsonl",
        "syslog+tls://log.example.org:6514",
    ]


@pytest.mark.parametrize(
    "text", ["/srv/a", "file://host/a", "syslog://h", "udp://h", "s3://host/b", "s3://k:geheim@h:x/b"]
)
def test_what_is_no_place_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadPlace, match="entry 1") as refused:
        places(text, USUAL)

    assert "geheim" not in str(refused.value)


def test_syslog_by_udp_gets_one_message_of_rfc_5424() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        one(f"syslog+udp://127.0.0.1:{server.getsockname()[1]}").put(ANCHOR, LINE)
        heard = server.recv(2000).decode()

    assert re.fullmatch(r"<109>1 2026-11-29T08:30:00\.000000Z \S+ tandem \d+ anchor - \{.*\}", heard)


def test_syslog_by_tcp_gets_it_in_a_frame() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with server.accept()[0] as line:
                while piece := line.recv(2000):
                    heard.append(piece)

        listener = threading.Thread(target=listen)
        listener.start()
        one(f"syslog+tcp://127.0.0.1:{server.getsockname()[1]}").put(ANCHOR, LINE)
        listener.join(5)

    length, _, message = b"".join(heard).partition(b" ")
    assert int(length) == len(message)
    assert message.endswith(LINE.encode())


def test_a_syslog_server_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = InSyslog("tcp", "127.0.0.1", free.getsockname()[1])

        with pytest.raises(CannotAnchor, match="refused"):
            gone.put(ANCHOR, LINE)


def test_a_bucket_keeps_it_locked(s3_server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)
    client = s3_server.client("s3")
    client.create_bucket(
        Bucket="anchors",
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    host = s3_server.address.removeprefix("http://")
    keys = f"{s3_server.access}:{quote(s3_server.secret, safe='')}"

    place = one(f"s3+http://{keys}@{host}/anchors/tandem?region=eu-central-1&days=30")
    place.put(ANCHOR, LINE)

    kept = client.get_object(Bucket="anchors", Key="tandem/000000000012-20261129T083000Z.json")
    assert json.loads(kept["Body"].read()) == json.loads(LINE)
    assert (kept["ObjectLockMode"], kept["ObjectLockRetainUntilDate"]) == ("COMPLIANCE", NOW + timedelta(days=30))
    assert s3_server.secret not in repr(place) + place.name
    with pytest.raises(CannotAnchor, match="answered 40"):
        one(f"s3+http://{keys}@{host}/not-there").put(ANCHOR, LINE)
