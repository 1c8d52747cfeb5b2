"""A folder of the server: what is in it and nothing else, whatever lies there and whoever puts links into it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from config.env import BadSetting, read
from connectors import folders
from connectors.folders import OpenFolder
from connectors.net.egress import Egress
from connectors.sdk import BadParams, Rejected, StepError
from connectors.sdk.stores import FolderAt, clean

SECRET = b"the keys of the vault"


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    """`exchange` is listed, `press` in it is the connection's; beside it lies what nobody is to see."""
    root = tmp_path / "exchange"
    (root / "press").mkdir(parents=True)
    (root / "legal").mkdir()
    for folder in (tmp_path, root, root / "legal"):
        (folder / "secret.txt").write_bytes(SECRET)
    settings.FOLDERS = (root,)
    return root


@pytest.fixture
def store(root: Path) -> OpenFolder:
    return opened(root / "press", f"folder://{root}/press")


def opened(path: Path | str, *hosts: str) -> OpenFolder:
    return OpenFolder(FolderAt(str(path)), Egress(hosts))


def test_what_is_written_is_listed_read_moved_and_removed(store: OpenFolder, root: Path) -> None:
    store.write("2026/Übersicht Q4.pdf", b"%PDF", over=False)
    store.write("notes.txt", b"x" * 10, over=False)

    listing = store.list("")
    assert [(item.path, item.size) for item in listing.items] == [("notes.txt", 10)]
    assert (listing.folders, listing.more, listing.odd) == (["2026"], False, 0)
    assert store.read("2026/Übersicht Q4.pdf") == b"%PDF"

    store.move("notes.txt", "done/old.txt")
    assert store.read("done/old.txt") == b"x" * 10
    store.remove("done/old.txt")
    store.remove("done/old.txt")
    assert store.list("done").items == []
    assert [each.name for each in (root / "press").rglob(".*")] == []


def test_what_lies_there_is_replaced_only_where_that_is_wanted(store: OpenFolder) -> None:
    store.write("a.txt", b"one", over=False)
    store.write("a.txt", b"one", over=False)

    with pytest.raises(Rejected, match="lies something else already"):
        store.write("a.txt", b"two", over=False)
    assert store.read("a.txt") == b"one"

    store.write("a.txt", b"two", over=True)
    store.write("b.txt", b"b", over=False)
    with pytest.raises(Rejected, match="lies something else already"):
        store.move("a.txt", "b.txt")
    assert (store.read("a.txt"), store.read("b.txt")) == (b"two", b"b")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt", "..", "2026/../../secret.txt", "./x", "a\\..\\b", "a\x00b", "a\nb", "\u202egpj.exe", "x" * 241,
        "/".join(["long"] * 200), "",
    ],
)  # fmt: skip
def test_no_path_leads_out(path: str, store: OpenFolder) -> None:
    with pytest.raises(BadParams):
        store.read(path)
    with pytest.raises(BadParams):
        store.write(path, b"x", over=True)
    with pytest.raises(BadParams):
        store.move(path, "x")


def test_a_path_from_the_root_is_one_from_the_folder(store: OpenFolder) -> None:
    assert clean("/etc//passwd/") == "etc/passwd"
    with pytest.raises(BadParams, match="There is nothing at “etc”"):
        store.read("/etc/passwd")


@pytest.mark.parametrize(
    "target", ["..", "../legal", "../../secret.txt", "../legal/secret.txt", "/etc/passwd", "own.txt"]
)
def test_no_link_is_followed(target: str, store: OpenFolder, root: Path) -> None:
    (root / "press" / "own.txt").write_bytes(SECRET)
    (root / "press" / "link").symlink_to(target)

    for path in ("link", "link/secret.txt"):
        with pytest.raises(StepError):
            store.read(path)
        with pytest.raises(StepError):
            store.write(f"{path}/new", b"x", over=True)
        with pytest.raises(StepError):
            store.move(path, "moved")
        with pytest.raises(StepError):
            store.list(path)
    assert [item.path for item in store.list("").items] == ["own.txt"]
    assert store.list("").folders == []


def test_writing_over_a_link_replaces_the_link(store: OpenFolder, root: Path) -> None:
    (root / "press" / "link").symlink_to("../legal/secret.txt")

    store.write("link", b"mine", over=True)

    assert (root / "legal" / "secret.txt").read_bytes() == SECRET
    assert store.read("link") == b"mine"


def test_a_link_in_the_place_of_the_folder_itself_is_not_followed(store: OpenFolder, root: Path) -> None:
    (root / "press").rmdir()
    (root / "press").symlink_to(root / "legal")

    with pytest.raises(StepError):
        store.read("secret.txt")


def test_a_folder_that_becomes_a_link_between_two_looks_leads_nowhere(store: OpenFolder, root: Path) -> None:
    (root / "press" / "in").mkdir()
    (root / "press" / "in" / "secret.txt").write_bytes(b"harmless")
    (root / "press" / "out").symlink_to(root / "legal")
    stop = threading.Event()

    def swaps() -> None:
        folder = root / "press"
        while not stop.is_set():
            for old, new in (("in", "aside"), ("out", "in"), ("in", "out"), ("aside", "in")):
                (folder / old).rename(folder / new)

    thread = threading.Thread(target=swaps)
    thread.start()
    seen = set()
    try:
        for _ in range(3_000):
            try:
                seen.add(store.read("in/secret.txt"))
            except StepError:
                seen.add(b"refused")
    finally:
        stop.set()
        thread.join()

    assert seen <= {b"harmless", b"refused"}
    assert len(seen) == 2


def test_pipes_devices_and_folders_are_no_files(store: OpenFolder, root: Path) -> None:
    os.mkfifo(root / "press" / "pipe")
    (root / "press" / "sub").mkdir()
    began = time.monotonic()

    for name in ("pipe", "sub"):
        with pytest.raises(BadParams):
            store.read(name)
    with pytest.raises(BadParams):
        store.remove("sub")

    assert time.monotonic() - began < 5
    assert store.list("").items == []


def test_what_is_too_large_or_too_much_is_said(store: OpenFolder, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (root / "press" / "huge").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(Rejected, match="1,000,000,000,000 bytes"):
        store.read("huge")
    (root / "press" / "huge").unlink()

    for number in range(1_005):
        (root / "press" / f"{number:04}").touch()
    (root / "press" / "two\nlines").touch()
    (root / "press").joinpath(os.fsdecode(b"\xff\xfe")).touch()
    listing = store.list("")

    assert (len(listing.items), listing.more) == (1_000, True)
    monkeypatch.setattr(folders, "MOST_LOOKED_AT", 10)
    assert len(store.list("").items) <= 10


def test_odd_names_are_counted_and_stop_no_other(store: OpenFolder, root: Path) -> None:
    for name in (b"two\nlines", b"\xff\xfe", b"back\\slash", b"good.txt", b"x" * 250):
        (root / "press").joinpath(os.fsdecode(name)).touch()

    listing = store.list("")

    assert ([item.name for item in listing.items], listing.odd) == (["good.txt"], 4)


@pytest.mark.parametrize(
    ("path", "hosts"),
    [
        ("{root}/press", ()),
        ("{root}/press", ("folder://{root}/legal",)),
        ("{root}/press", ("folder://{root}/pres",)),
        ("{root}", ("folder://{root}/press",)),
        ("{root}/press/../legal", ("folder://{root}/press",)),
        ("{root}/..", ("folder:///",)),
        ("/etc", ("folder:///etc",)),
        ("{root}/press", ("{root}/press", "private:{root}", "*")),
    ],
)
def test_only_folders_that_both_lists_name_are_opened(path: str, hosts: tuple[str, ...], root: Path) -> None:
    with pytest.raises(BadParams, match="not among the folders"):
        opened(path.format(root=root), *(host.format(root=root) for host in hosts)).list("")


def test_the_servers_own_files_can_never_be_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "var"
    monkeypatch.setenv("TANDEM_HOME", str(home))
    for folders_told in (home, home / "files", tmp_path, "/", "relative", f"{tmp_path}/x/../var"):
        monkeypatch.setenv("TANDEM_FOLDERS", f"/srv/exchange,{folders_told}")
        with pytest.raises(BadSetting, match="TANDEM_FOLDERS"):
            read()

    monkeypatch.setenv("TANDEM_FOLDERS", "/srv/exchange, /mnt/share")
    assert read().folders == (Path("/srv/exchange"), Path("/mnt/share"))


def test_an_entry_for_a_folder_is_none_for_a_host() -> None:
    policy = Egress(("folder:///srv/exchange", "folder://srv", "folder:///a/../b", "folder:///"))

    assert [str(folder) for folder in policy.folders] == ["/srv/exchange"]
    assert policy.unreadable == ("folder://srv", "folder:///a/../b", "folder:///")
