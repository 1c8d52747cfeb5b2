"""No query goes round the walls of a department (case Z10): what is neither scoped nor reviewed here is told."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from config import second_wall

ROOT = Path(__file__).parents[2]
DOORS = ("workflows/pages", "workflows/api")
"""Where ids come in that anybody may have typed."""
ROOMS = ("audit", "departments", "connectors", "workflows", "config")
RUNTIME = "workflows/runtime/"
SCOPES = {"visible", "find"}
QUERIES = Path(__file__).with_name("reviewed_queries.txt")
SQL = Path(__file__).with_name("reviewed_sql.txt")
BY_HAND = re.compile(r"\b(?:cursor\(\)|sql\.(?:row|rows|changed|execute)\()")
NEVER = re.compile(r"\.extra\(|\.objects\.raw\(|RawSQL\(")


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def unscoped() -> Iterator[str]:
    """ "file function" of each function that asks a table behind the second wall without a scope of its own."""
    behind = {model.__name__ for model in second_wall.owned()}
    for name, source in sources(*DOORS):
        for function in ast.walk(ast.parse(source)):
            if isinstance(function, ast.FunctionDef) and _asks(function, behind) and not _is_scoped(function):
                yield f"{name} {function.name}"


def _asks(function: ast.FunctionDef, behind: set[str]) -> bool:
    return any(
        isinstance(each, ast.Attribute)
        and each.attr in ("objects", "every", "_default_manager")
        and _last_name(each.value) in behind
        for each in ast.walk(function)
    )


def _is_scoped(function: ast.FunctionDef) -> bool:
    calls = [each for each in ast.walk(function) if isinstance(each, ast.Call)]
    return any(_last_name(call.func) in SCOPES for call in calls)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _listed(path: Path) -> set[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.partition(":")[0] for line in lines if line and not line.startswith("#")}


def test_behind_the_doors_each_query_of_departments_is_scoped_or_reviewed() -> None:
    found = set(unscoped())

    assert found - _listed(QUERIES) == set(), "scope it by `visible` or `find`, or write down why it needs none"
    assert _listed(QUERIES) - found == set(), "this is scoped, or gone: take its line away"


def test_sql_by_hand_is_written_where_it_was_reviewed_and_never_into_a_query_of_models() -> None:
    by_hand = {name for name, source in sources("workflows") if BY_HAND.search(source) and RUNTIME not in name}
    into_models = [name for name, source in sources(*ROOMS) if NEVER.search(source)]

    assert by_hand - _listed(SQL) == set(), "look whether it stays in its departments, then list it"
    assert _listed(SQL) - by_hand == set(), "it has no SQL of its own any more: take its line away"
    assert into_models == []
