"""The pages' files after a new version: every script with the modules of its own version."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from pytest_django import Settings

from config import static_files


@pytest.fixture
def source(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """A folder with a page's script and the module it imports, to be collected."""
    folder = tmp_path / "source"
    (folder / "parts").mkdir(parents=True)
    (folder / "page.js").write_text('import { say } from "./parts/words.js";\nsay();\n')
    (folder / "parts" / "words.js").write_text("export function say() {}\n")
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "config.static_files.Storage"}}
    finders.get_finder.cache_clear()
    yield folder
    finders.get_finder.cache_clear()


def served(name: str) -> str:
    """What a browser gets that asks for the page's file of this name."""
    return Path(staticfiles_storage.path(staticfiles_storage.stored_name(name))).read_text()


def test_what_a_script_imports_has_a_name_of_its_content(source: Path) -> None:
    static_files.collect()

    assert re.search(r'from "\./parts/words\.[0-9a-f]{12}\.js"', served("page.js"))


def test_a_changed_file_is_collected_however_old_it_is(source: Path) -> None:
    static_files.collect()
    (source / "parts" / "words.js").write_text("export function say() { /* anew */ }\n")
    os.utime(source / "parts" / "words.js", (0, 0))

    static_files.collect()

    name = re.search(r"words\.[0-9a-f]{12}\.js", served("page.js"))
    assert name is not None
    assert "anew" in (Path(staticfiles_storage.location) / "parts" / name[0]).read_text()


def test_nothing_is_collected_where_nothing_has_changed(source: Path) -> None:
    assert static_files.collect() is True
    assert static_files.collect() is False


def test_everything_that_our_pages_use_can_be_collected(
    tmp_path: Path, settings: Settings, built_front_end: Path
) -> None:
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "config.static_files.Storage"}}

    static_files.collect()

    assert {"build.js", "tandem.css", "vendor/tabler/tabler.min.css"} <= set(staticfiles_storage.hashed_files)
