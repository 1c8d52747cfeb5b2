"""Reading a document: a throw-away process does it, behind walls, and we believe nothing but its text (rule S14)."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from connectors.documents.found import Found, Limits
from connectors.documents.laid_out import laid_out
from connectors.sdk import BadParams, ReadDocument, Rejected, StepError, Unavailable

CONTENT_MAX = 25 * 1024 * 1024
SHOWN_NAME_MAX = 120
FOLDERS = "tandem-reader-"
LEFT_FOR_S = 300
"""Much longer than any reader lives."""
CHILD = Path(__file__).with_name("child.py")

# Each reader may take half a gigabyte: more of them at once than processors only cost memory.
READERS_MAX = max(2, os.cpu_count() or 2)
TURN_S = 120
_turns = threading.BoundedSemaphore(READERS_MAX)

_FOUND = TypeAdapter(Found)
Told = TypeVar("Told")


def read_document(
    content: bytes,
    name: str,
    limits: Limits = Limits(),  # noqa: B008
    *,
    parser: str = "",
) -> ReadDocument:
    """Text, passages and tables of a PDF, DOCX, XLSX, CSV, HTML, EML, TXT or Markdown file of at most 25 MB.

    Raises BadParams (not a document we read, another kind than its name says, empty, too large, encrypted), Rejected
    (broken, hostile, more than it may cost) and Unavailable (too many documents are being read just now).
    """
    return laid_out(read_as(_FOUND, content, name, parser=parser, limits=limits))


def read_as(
    shape: TypeAdapter[Told],
    content: bytes,
    name: str,
    *,
    parser: str = "",
    about: Mapping[str, str] = {},
    limits: Limits = Limits(),  # noqa: B008
) -> Told:
    """What one of `connectors.documents.parsers` finds, in the shape it has; the content decides where none is named.

    `about` is what that parser is told beside the content. Raises as above.
    """
    shown = shown_name(name)
    if not content:
        raise BadParams(f'"{shown}" was not read: it is empty. Give a file with content.')
    if len(content) > CONTENT_MAX:
        raise BadParams(f'"{shown}" was not read: it is too large (limit 25 MB). Split it into smaller files.')

    with turn(shown):
        answer = ask_reader(content, name, shown, limits, parser=parser, about=dict(about))
    return taken(answer, shown, shape.validate_python)


def shown_name(name: str) -> str:
    """A name that can stand in a sentence: no line breaks, nothing that turns the direction of writing, not long."""
    visible = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)
    return visible if len(visible) <= SHOWN_NAME_MAX else f"{visible[: SHOWN_NAME_MAX - 20]}…{visible[-19:]}"


@contextmanager
def turn(shown: str) -> Iterator[None]:
    if not _turns.acquire(timeout=TURN_S):
        raise Unavailable(f'"{shown}" was not read yet: too many documents are being read. It will be tried again.')
    try:
        yield
    finally:
        _turns.release()


def ask_reader(content: bytes, name: str, shown: str, limits: Limits, **more: Any) -> bytes:
    """Raises Rejected when the reader gives no answer within its limits. `more` goes into the order."""
    deadline = time.monotonic() + limits.wall_s
    order = {
        **more,
        "name": name,
        "shown": shown,
        "memory": limits.memory,
        "cpu_s": limits.cpu_s,
        "wall_s": limits.wall_s,
    }
    line = json.dumps({**order, "answer": limits.answer}).encode() + b"\n"
    clear_away()
    with tempfile.TemporaryDirectory(prefix=FOLDERS) as folder, _unnamed_file(line + content) as given:
        reader = _start_reader(given, folder)
        try:
            answer = _answer_of(reader, limits.answer, deadline)
        except TimeoutError:
            raise Rejected(_too_slow(shown, limits.wall_s)) from None
        finally:
            _end(reader)
    if not answer and reader.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise Rejected(_too_slow(shown, limits.cpu_s))
    return answer


def clear_away() -> None:
    """The empty folders of readers whose parent was killed before it could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        with suppress(OSError):  # somebody else was first, or it is another one's
            if time.time() - folder.stat().st_mtime > LEFT_FOR_S:
                folder.rmdir()


def _start_reader(given: IO[bytes], folder: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-B", str(CHILD)],
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        # Nothing of ours: no database address, no key. The one word makes openpyxl read XML with defusedxml.
        env={"OPENPYXL_LXML": "False"},
        start_new_session=True,
    )


def _answer_of(reader: subprocess.Popen[bytes], most: int, deadline: float) -> bytes:
    assert reader.stdout is not None
    answer = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(reader.stdout, selectors.EVENT_READ)
        while len(answer) <= most:
            if not ready.select(max(deadline - time.monotonic(), 0)):
                raise TimeoutError
            piece = os.read(reader.stdout.fileno(), 64 * 1024)
            if not piece:
                break
            answer += piece
    return bytes(answer)


def _end(reader: subprocess.Popen[bytes]) -> None:
    """Nothing of the reader remains, whatever it has started."""
    # Before it is waited for: until then its number cannot belong to anybody else.
    with suppress(ProcessLookupError):
        os.killpg(reader.pid, signal.SIGKILL)
    reader.wait()
    if reader.stdout:
        reader.stdout.close()


@contextmanager
def _unnamed_file(content: bytes) -> Iterator[IO[bytes]]:
    """A file without a name is gone when its last reader is, also when we are killed."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file


def taken(answer: bytes, shown: str, read: Callable[[Any], Told]) -> Told:
    """What the reader has found, as `read` makes it of plain values. Raises what it refused, and Rejected."""
    try:
        said = _clean(json.loads(answer))
        if "refused" in said:
            raise _refusal(str(said["refused"]), str(said["code"]))
        return read(said["found"])
    except (ValueError, ValidationError, TypeError, KeyError, RecursionError):
        raise Rejected(_gave_up(shown)) from None


def _refusal(sentence: str, code: str) -> StepError:
    return BadParams(sentence) if code == "bad_params" else Rejected(sentence)


def _clean(value: Any) -> Any:
    """No NUL and no half characters: neither the database nor JSON can hold them (rule E21)."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "ignore").decode()
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return {_clean(name): _clean(one) for name, one in value.items()} if isinstance(value, dict) else value


def _too_slow(shown: str, seconds: float) -> str:
    return f'"{shown}" was not read: it takes longer than {seconds:g} seconds. Split it, or save it anew as PDF.'


def _gave_up(shown: str) -> str:
    return (
        f'"{shown}" was not read: the reader broke off. The file is broken, made to do harm, or needs too much memory.'
        " Open it in its own program, save it anew and try again."
    )
