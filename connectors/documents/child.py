"""The throw-away process that reads one document. Knows no Django, no database and no secret.

Started as a script. Standard input: one line of JSON (`name`, `shown`, `memory`, `cpu_s`, `wall_s`, `answer`; `address`
where it is the description of a service; `parser` where not the content decides, and `about`, what that parser is told
beside it), then the document. Standard output: one JSON object, `{"found": …}` or `{"refused": sentence, "code": …}`.
"""

from __future__ import annotations

import json
import mimetypes
import os
import sys
import sysconfig
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

SAVE_ANEW = "Open it in its own program, save it anew and try again."

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from connectors.documents.found import Refusal  # noqa: E402
from connectors.documents.kinds import kind_of  # noqa: E402
from connectors.documents.walls import raise_walls  # noqa: E402


def main() -> None:
    order = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    raise_walls(order["memory"], order["cpu_s"], order["wall_s"], _library_places())
    answer = json.dumps(_answer(content, order)).encode()
    if len(answer) > order["answer"]:
        answer = json.dumps(_refused(order["shown"], Refusal(_too_much(order["answer"])))).encode()
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    # Nothing is worth tidying up in a process that is thrown away.
    os._exit(0)


def _answer(content: bytes, order: dict[str, Any]) -> dict[str, Any]:
    shown = order["shown"]
    try:
        return {"found": _described(content, order) if "address" in order else asdict(_read(content, order))}
    except Refusal as refusal:
        return _refused(shown, refusal)
    except MemoryError:
        return _refused(shown, Refusal(f"it needs more memory than a document may take. {SAVE_ANEW}", "rejected"))
    except RecursionError:
        return _refused(shown, Refusal(f"its parts are nested too deeply. {SAVE_ANEW}", "rejected"))
    except Exception as error:  # whatever a parser trips over says the same: this document is not sound
        return _refused(shown, Refusal(f"it is broken ({type(error).__name__}). {SAVE_ANEW}", "rejected"))


def _read(content: bytes, order: dict[str, Any]) -> Any:
    # Only the parser that is needed is loaded: the process lives for one document.
    parser = order.get("parser") or kind_of(content, order["name"])
    return import_module(f"connectors.documents.parsers.{parser}").read(content, **order.get("about", {}))


def _described(content: bytes, order: dict[str, Any]) -> dict[str, Any]:
    """The description of a service, as a manifest."""
    from connectors.manifests.importing import read
    from connectors.manifests.manifest import Refused

    try:
        return read(content, order["address"]).model_dump(mode="json", exclude_defaults=True)
    except Refused as refused:
        raise Refusal(refused.sentence[:1].lower() + refused.sentence[1:]) from None


def _refused(shown: str, refusal: Refusal) -> dict[str, str]:
    return {"refused": f'"{shown}" was not read: {refusal.sentence}', "code": refusal.code}


def _too_much(limit: int) -> str:
    return f"it holds more text than the {limit // (1024 * 1024)} MB that a step can take. Split it into smaller files."


def _library_places() -> tuple[str, ...]:
    folders = {str(ROOT / "connectors"), sys.base_prefix, sys.prefix, *sysconfig.get_paths().values()}
    # openpyxl reads the system's table of file types while it is imported.
    return (*(os.path.realpath(folder) + os.sep for folder in folders), *map(os.path.realpath, mimetypes.knownfiles))


if __name__ == "__main__":
    main()
