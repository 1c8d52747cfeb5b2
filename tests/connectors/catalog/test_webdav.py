"""Folders over WebDAV: tried, used in a run, and not led astray by a server that is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from connectors import net
from connectors.catalog.webdav import WebDav
from connectors.connections import Told, connect, try_out
from connectors.sdk import BadParams, StepError, Unavailable
from connectors.sdk.stores import Store
from departments.access import SYSTEM
from tests import factories
from tests.connectors.net.servers import Server, Speak, answer
from tests.connectors.test_stores import over_http
from tests.dav_server import PASSWORD, USER, DavServer
from tests.workflows.runtime.harness import done


@pytest.fixture
def told(dav_server: DavServer) -> dict[str, Any]:
    (dav_server.folder / "exchange").mkdir(exist_ok=True)
    return {"address": f"{dav_server.address}/exchange/", "user": USER}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("other", "password", "says"),
    [
        ({}, PASSWORD, "The folder can be read. "),
        ({}, "not-the-password", "does not accept the user name and password"),
        ({"address": "/nowhere"}, PASSWORD, "no such file or folder"),
    ],
)
def test_a_folder_is_tried(
    other: dict[str, str], password: str, says: str, told: dict[str, Any], dav_server: DavServer
) -> None:
    legal = factories.make_department("Legal", egress_hosts=[dav_server.entry])
    if "address" in other:
        told["address"] = dav_server.address + other["address"]
    folder = connect(legal, "webdav", Told("Cloud", told, {"password": password}), actor=SYSTEM)

    assert try_out(folder, actor=SYSTEM) is says.startswith("The folder")
    assert folder.health_said.startswith(says) or says in folder.health_said
    assert password not in folder.health_said


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"address": "cloud.example.com"}, "address"),
        ({"address": "https://cloud.example.com/a?b"}, "address"),
        ({"address": "https://cloud.example.com/a/../b"}, "address"),
        ({"address": "https://cloud.example.com/a/%2e%2e/b"}, "address"),
        ({"user": "press:x"}, "user"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(other: dict[str, Any], field: str) -> None:
    account = Told("C", {"address": "https://cloud.example.com/", "user": "press", **other}, {"password": "x"})
    with pytest.raises(ValidationError) as refused:
        connect(factories.make_department(), "webdav", account, actor=SYSTEM)

    assert list(refused.value.message_dict) == [field]


@pytest.mark.django_db(transaction=True)
def test_a_run_reads_and_moves_a_file(told: dict[str, Any], dav_server: DavServer) -> None:
    legal = factories.make_department("Legal", egress_hosts=[dav_server.entry])
    connect(legal, "webdav", Told("Cloud", told, {"password": PASSWORD}), actor=SYSTEM)
    (dav_server.folder / "exchange" / "Bericht ä.txt").write_text("All is well.")
    given = {"connection": "cloud", "path": "Bericht ä.txt"}
    read = {"id": "read", "kind": "files.read", "with": given}
    move = {"id": "move", "kind": "files.move", "with": {**given, "folder": "done/{{ run.date }}"}}

    run = done([read, move], department=legal)

    assert run.status == "succeeded", run.error
    outputs = {step.step_id: step.output for step in run.steps.all()}
    assert (outputs["read"]["file"]["name"], outputs["read"]["file"]["size"]) == ("Bericht ä.txt", 12)
    assert (dav_server.folder / "exchange" / outputs["move"]["path"]).read_text() == "All is well."
    assert PASSWORD not in repr([list(step.tries.values()) for step in run.steps.all()])


def test_a_folder_is_neither_read_nor_moved_nor_removed_with_all_that_is_in_it(
    told: dict[str, Any], dav_server: DavServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)
    store = over_http(WebDav, told, {"password": PASSWORD}, dav_server.entry)
    store.write("kept/a.txt", b"a", over=False)

    for does in (
        lambda: store.read("kept"),
        lambda: store.move("kept", "gone"),
        lambda: store.remove("kept"),
        lambda: store.remove("kept/"),
    ):
        with pytest.raises(BadParams, match="is a folder"):
            does()

    assert store.read("kept/a.txt") == b"a"


# ── servers that are none ────────────────────────────────────────────────────────────────────────────────────────────

MULTISTATUS = '<D:multistatus xmlns:D="DAV:">{}</D:multistatus>'
ROW = (
    "<D:response><D:href>{}</D:href><D:propstat><D:prop><D:resourcetype/><D:getcontentlength>{}</D:getcontentlength>"
    "<D:getlastmodified>soon</D:getlastmodified></D:prop></D:propstat></D:response>"
)
BOMB = b'<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>'


@pytest.fixture
def against(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)
    started: list[Server] = []

    def store(speak: Speak) -> Store:
        started.append(Server(speak))
        told = {"address": f"{started[-1].url}/dav/press", "user": USER}
        return over_http(WebDav, told, {"password": PASSWORD}, started[-1].entry)

    yield store
    for server in started:
        server.close()


def test_what_lies_elsewhere_or_has_an_odd_name_is_left_out(against: Any) -> None:
    hrefs = ["/dav/press/", "/dav/press/good%20one.txt", "http://evil.example/dav/press/full.txt", "/dav/press/../up"]
    hrefs += ["/dav/pressing/x", "/etc/passwd", "/dav/press/a%2Fb", "/dav/press/a%00", "/dav/press/%2e%2e", "", "%FF"]
    rows = "".join(ROW.format(href, size) for href, size in zip(hrefs, ["7", "7", "x", *["-1"] * 8], strict=True))

    listing = against(answer("207 Multi-Status", MULTISTATUS.format(rows).encode())).list("")

    assert [(item.path, item.size, item.changed_at) for item in listing.items] == [
        ("full.txt", 0, None),
        ("good one.txt", 7, None),
    ]
    assert listing.odd == 8


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("207 Multi-Status", BOMB),
        ("207 Multi-Status", b"not xml"),
        ("207 Multi-Status", b"<a/>" + b" " * 5_000_000),
        ("200 OK", b"<html></html>"),
    ],
)
def test_an_answer_that_is_none_is_no_listing(status: str, body: bytes, against: Any) -> None:
    with pytest.raises(Unavailable, match="none of a folder that speaks WebDAV"):
        against(answer(status, body)).list("")


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_the_password_follows_nobody(status: str, against: Any) -> None:
    elsewhere = Server(answer("207 Multi-Status", b""))
    store = against(answer(status, Location=f"{elsewhere.url}/dav/press/"))

    for does in (lambda: store.list(""), lambda: store.write("x", b"x", over=True), lambda: store.remove("x")):
        with pytest.raises(StepError):
            does()

    assert elsewhere.requests == []
    elsewhere.close()
