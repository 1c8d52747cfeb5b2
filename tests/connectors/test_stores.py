"""Every place that keeps files keeps them in the same way: the promises of `connectors.sdk.stores.Store`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from connectors import net
from connectors.catalog.s3 import S3
from connectors.catalog.webdav import WebDav
from connectors.folders import OpenFolder
from connectors.net.egress import Egress
from connectors.net.sftp import OpenSftp
from connectors.sdk import BadParams, Connector, Rejected
from connectors.sdk.stores import FolderAt, Store
from tests.dav_server import PASSWORD, USER, DavServer
from tests.s3_server import BUCKET, REGION, S3Server
from tests.sftp_server import SshServer

NAMES = ["plain.txt", "Übersicht Q4 (final).pdf", "100% & more?#+=;,'$@!.txt", "日本語.md", ".hidden", "a b  c"]
LARGE = bytes(range(256)) * 80_000  # 20 MB: more than one answer may hold


@pytest.fixture(autouse=True)
def _here_a_test_is_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)


def over_http(kind: type[Connector], told: dict[str, object], secrets: dict[str, str], entry: str) -> Store:
    """The place as an account opens it."""
    settings, hidden = kind.Settings.model_validate(told), kind.Secrets.model_validate(secrets)
    assert kind.check(settings, hidden) == {}
    bound = net.Bound(kind.hosts(settings, hidden), kind.credentials(settings, hidden))
    store = kind.files_over(net.Door(Egress((entry,)), bound), settings)
    assert store is not None
    return store


def a_folder(request: pytest.FixtureRequest) -> Store:
    root: Path = request.getfixturevalue("tmp_path")
    settings: Settings = request.getfixturevalue("settings")
    settings.FOLDERS = (root,)
    return OpenFolder(FolderAt(str(root / "press")), Egress((f"folder://{root}",)))


def a_bucket(request: pytest.FixtureRequest) -> Store:
    server: S3Server = request.getfixturevalue("s3_server")
    told = {"address": server.address, "bucket": BUCKET, "access_key": server.access, "region": REGION}
    told |= {"folder": f"of tests/{uuid4().hex}"}
    return over_http(S3, told, {"secret_key": server.secret}, server.entry)


def a_dav_folder(request: pytest.FixtureRequest) -> Store:
    server: DavServer = request.getfixturevalue("dav_server")
    address = f"{server.address}/of tests/{uuid4().hex}"
    (server.folder / address.removeprefix(f"{server.address}/")).mkdir(parents=True)
    return over_http(WebDav, {"address": address, "user": USER}, {"password": PASSWORD}, server.entry)


def a_sftp_folder(request: pytest.FixtureRequest) -> Store:
    server: SshServer = request.getfixturevalue("ssh_server")
    folder = server.files / uuid4().hex
    folder.mkdir()
    return OpenSftp(server.at(folder), Egress((server.entry,)))


PLACES: dict[str, Callable[[pytest.FixtureRequest], Store]] = {
    "folder": a_folder,
    "s3": a_bucket,
    "webdav": a_dav_folder,
    "sftp": a_sftp_folder,
}


@pytest.fixture(params=list(PLACES))
def store(request: pytest.FixtureRequest) -> Store:
    return PLACES[request.param](request)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_file_is_called_it_comes_back_as_it_was(name: str, store: Store) -> None:
    store.write(f"in/{name}", b"content of " + name.encode(), over=False)

    assert store.read(f"in/{name}") == b"content of " + name.encode()
    (item,) = store.list("in").items
    assert (item.path, item.name, item.size) == (f"in/{name}", name, len(b"content of " + name.encode()))
    assert item.changed_at is not None


def test_a_folder_shows_what_lies_directly_in_it(store: Store) -> None:
    for path in ("b.txt", "a.txt", "sub/c.txt", "sub/deep/d.txt", "other/e.txt", "subway.txt"):
        store.write(path, b"x", over=False)

    top, sub = store.list(""), store.list("/sub/")

    assert ([item.path for item in top.items], list(top.folders)) == (
        ["a.txt", "b.txt", "subway.txt"],
        ["other", "sub"],
    )
    assert ([item.path for item in sub.items], list(sub.folders)) == (["sub/c.txt"], ["sub/deep"])
    assert (top.more, top.odd) == (False, 0)


def test_a_large_file_comes_back_whole_and_an_empty_one_empty(store: Store) -> None:
    store.write("large", LARGE, over=False)
    store.write("empty", b"", over=False)

    assert store.read("large") == LARGE
    assert store.read("empty") == b""


def test_what_lies_there_is_replaced_only_where_that_is_wanted(store: Store) -> None:
    store.write("a.txt", b"one", over=False)
    store.write("a.txt", b"one", over=False)

    with pytest.raises(Rejected, match="lies something else already"):
        store.write("a.txt", b"two", over=False)
    assert store.read("a.txt") == b"one"

    store.write("a.txt", b"two", over=True)
    assert store.read("a.txt") == b"two"


def test_a_file_is_moved_and_never_over_another(store: Store) -> None:
    store.write("in/a ü.txt", b"a", over=False)
    store.write("b.txt", b"b", over=False)

    with pytest.raises(Rejected, match="lies something else already"):
        store.move("in/a ü.txt", "b.txt")
    store.move("in/a ü.txt", "done/new/c ü.txt")

    assert store.read("done/new/c ü.txt") == b"a"
    assert store.read("b.txt") == b"b"
    with pytest.raises(BadParams):
        store.read("in/a ü.txt")
    with pytest.raises(BadParams):
        store.move("in/a ü.txt", "elsewhere.txt")


def test_what_is_removed_is_gone_and_may_be_removed_again(store: Store) -> None:
    store.write("a.txt", b"a", over=False)
    store.write("b.txt", b"b", over=False)

    store.remove("a.txt")
    store.remove("a.txt")

    assert [item.path for item in store.list("").items] == ["b.txt"]


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a\\b", "a\nb", "\u202ex", "", "/", "x" * 300])
def test_no_path_leads_out(path: str, store: Store) -> None:
    for does in (
        lambda: store.read(path),
        lambda: store.write(path, b"x", over=True),
        lambda: store.move("a.txt", path),
        lambda: store.move(path, "a.txt"),
        lambda: store.remove(path),
    ):
        with pytest.raises(BadParams):
            does()
