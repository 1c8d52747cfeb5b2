"""Buckets: signed as Amazon's own examples are, and not led astray by a server that is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from connectors import net
from connectors.catalog.s3 import S3
from connectors.connections import Told, connect, try_out
from connectors.net.egress import Egress
from connectors.sdk import BadParams, Rejected, StepError, Unavailable
from connectors.sdk.sigv4 import Keys
from connectors.sdk.stores import Store
from departments.access import SYSTEM
from tests import factories
from tests.connectors.net.servers import Server, Speak, answer
from tests.connectors.test_stores import over_http
from tests.s3_server import BUCKET, REGION, S3Server

EXAMPLES = [
    (
        "GET",
        "/test.txt",
        {"Range": "bytes=0-9"},
        b"",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ),
    (
        "PUT",
        "/test%24file.text",
        {"Date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"},
        b"Welcome to Amazon S3.",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    ),
    ("GET", "/?lifecycle", {}, b"", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    ("GET", "/?max-keys=2&prefix=J", {}, b"", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
]
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
LISTING = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>{}</ListBucketResult>'


@pytest.mark.parametrize(("method", "target", "headers", "body", "signature"), EXAMPLES)
def test_the_published_examples_are_signed_as_published(
    method: str, target: str, headers: dict[str, str], body: bytes, signature: str
) -> None:
    """From “Signature Calculations for the Authorization Header” in the S3 API reference."""
    keys = Keys("AKIAIOSFODNN7EXAMPLE", SECRET, "us-east-1", "s3")
    url = f"https://examplebucket.s3.amazonaws.com{target}"

    signed = keys.signed(method, url, headers, body, datetime(2013, 5, 24, tzinfo=UTC))

    assert signed["Authorization"].endswith(f"Signature={signature}")
    assert SECRET not in repr(keys)


# ── a real server ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def server(s3_server: S3Server) -> S3Server:
    return s3_server


def told(server: S3Server, **other: Any) -> dict[str, Any]:
    return {"address": server.address, "bucket": BUCKET, "access_key": server.access, "region": REGION, **other}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("other", "secret", "says"),
    [
        ({}, "", "The bucket can be read. In it: "),
        ({}, "not-the-secret-key", "does not accept the keys"),
        ({"access_key": "AKIANOBODY"}, "", "does not accept the keys"),
        ({"bucket": "no-such-bucket"}, "", "no such bucket"),
    ],
)
def test_a_bucket_is_tried(other: dict[str, Any], secret: str, says: str, server: S3Server) -> None:
    legal = factories.make_department("Legal", egress_hosts=[server.entry])
    account = Told("Bucket", told(server, **other), {"secret_key": secret or server.secret})
    bucket = connect(legal, "s3", account, actor=SYSTEM)

    assert try_out(bucket, actor=SYSTEM) is (not other and not secret)
    assert says in bucket.health_said
    assert server.secret not in bucket.health_said


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"address": "s3.example.com"}, "address"),
        ({"address": "https://s3.example.com/press-exchange"}, "address"),
        ({"bucket": "a/../b"}, "bucket"),
        ({"bucket": "Größe"}, "bucket"),
        ({"region": "eu/../x"}, "region"),
        ({"folder": "../x"}, "folder"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(other: dict[str, Any], field: str, server: S3Server) -> None:
    with pytest.raises(ValidationError) as refused:
        connect(
            factories.make_department(), "s3", Told("B", told(server, **other), {"secret_key": "x" * 20}), actor=SYSTEM
        )

    assert list(refused.value.message_dict) == [field]


def test_what_lies_beside_the_folder_of_the_connection_is_not_seen(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)
    for key in ("press", "press/in.txt", "pressing/out.txt", "press//odd.txt", "press/../up.txt", "press/"):
        server.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")
    store = over_http(S3, told(server, folder="press"), {"secret_key": server.secret}, server.entry)

    listing = store.list("")

    assert ([item.path for item in listing.items], list(listing.folders), listing.odd) == (["in.txt"], [], 2)


# ── servers that are none ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def against(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)
    started: list[Server] = []

    def store(speak: Speak) -> Store:
        started.append(Server(speak))
        settings = {"address": started[-1].url, "bucket": BUCKET, "access_key": "AKIAX"}
        return over_http(S3, settings, {"secret_key": SECRET}, started[-1].entry)

    store.requests = lambda: [each.requests for each in started]  # type: ignore[attr-defined]
    yield store
    for server in started:
        server.close()


BOMB = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>'
FILE_OF_OURS = b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><ListBucketResult><Contents><Key>&x;</Key></Contents></ListBucketResult>'


@pytest.mark.parametrize("body", [BOMB, FILE_OF_OURS, b"", b"not xml", b"<a>" * 10_000, b"<ListBucketResult>"])
def test_xml_that_is_none_is_no_listing(body: bytes, against: Any) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        against(answer(body=body, Content_Type="application/xml")).list("")


def test_odd_names_and_sizes_stop_no_other(against: Any) -> None:
    names = ["good.txt", "..", "a%2Fb", "%00", "%0A", "x" * 300, "%E2%80%AEgpj.exe", "%FF"]
    rows = "".join(
        f"<Contents><Key>{name}</Key><Size>1</Size><LastModified>?</LastModified></Contents>" for name in names
    )

    listing = against(answer(body=LISTING.format(rows).encode())).list("")

    assert [item.name for item in listing.items if item.name != "\ufffd"] == ["good.txt"]
    assert (listing.more, listing.items[0].changed_at) == (True, None)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        ("206 Partial Content", {"Content_Range": "bytes 0-3/99999999999"}, b"abcd"),
        ("200 OK", {}, b""),
    ],
)
def test_pieces_that_do_not_fit_end(status: str, headers: dict[str, str], body: bytes, against: Any) -> None:
    if status.startswith("200"):
        assert against(answer(status, body, **headers)).read("x") == b""
        return
    with pytest.raises(Rejected, match="99,999,999,999 bytes"):
        against(answer(status, body, **headers)).read("x")


@pytest.mark.parametrize(
    "where", ["bytes 5-8/20", "bytes 0-3/4000", "bytes 0-9/10", "bytes 0-3/2", "bytes */4", "", "items 0-3/4"]
)
def test_a_server_whose_pieces_never_come_to_an_end_is_left(where: str, against: Any) -> None:
    headers = {"Content_Range": where} if where else {}

    with pytest.raises(StepError):
        against(answer("206 Partial Content", b"abcd", **headers)).read("x")


@pytest.mark.parametrize("status", ["301 Moved Permanently", "307 Temporary Redirect", "302 Found"])
def test_nobody_is_followed_with_the_signature(status: str, against: Any) -> None:
    elsewhere = Server(answer())
    store = against(answer(status, Location=f"{elsewhere.url}/press-exchange/x", X_Amz_Bucket_Region="eu<b>-1"))

    for does in (lambda: store.read("x"), lambda: store.write("x", b"x", over=True), lambda: store.list("")):
        with pytest.raises(StepError) as refused:
            does()
        assert "<b>" not in str(refused.value)

    assert elsewhere.requests == []
    elsewhere.close()


def test_what_a_refusing_server_says_is_not_repeated(against: Any) -> None:
    body = f"<Error><Code>Weird{SECRET}&lt;b&gt;</Code><Message>{SECRET}</Message></Error>".encode()

    with pytest.raises(Rejected) as refused:
        against(answer("418 Teapot", body)).read("x")

    assert "<b>" not in str(refused.value)
    with pytest.raises(BadParams):
        against(answer("404 Not Found")).read("x")


def test_the_keys_go_to_their_own_server_alone() -> None:
    settings = S3.Settings(address="https://s3.example.com", bucket=BUCKET, access_key="AKIAX")
    secrets = S3.Secrets(secret_key=SECRET)
    bound = net.Bound(S3.hosts(settings, secrets), S3.credentials(settings, secrets))

    for url in (
        "https://s3.evil.example/x",
        "http://s3.example.com/x",
        "https://x.s3.example.com/",
        "https://1.1.1.1/",
    ):
        with pytest.raises(BadParams, match="are not sent to"):
            net.Door(Egress(("s3.evil.example",)), bound).send("GET", url)
