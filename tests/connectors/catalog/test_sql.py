"""The steps that use a database, through a connection, against a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from connectors.connections import Told, change, connect, try_out
from connectors.models import Connection
from departments.access import SYSTEM, actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.sql_servers import PASSWORD, USER, SqlServer, start_postgresql
from tests.workflows.runtime.harness import carried, claim, done, lose_the_worker, published, run_of, silent_broker
from workflows.engine import problems as engine_problems
from workflows.engine.definition import Definition
from workflows.models import Run, Task
from workflows.runtime import store
from workflows.runtime.kinds import kinds
from workflows.services.tasks import decide_task
from workflows.services.testing import start_test

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def server() -> Iterator[SqlServer]:
    started = start_postgresql()
    yield started
    started.stop()


@pytest.fixture
def legal(server: SqlServer) -> Department:
    server.as_owner("DROP TABLE IF EXISTS mention")
    server.as_owner("CREATE TABLE mention (url text PRIMARY KEY, tone text)")
    server.as_owner(f"GRANT ALL ON mention TO {USER}")
    return factories.make_department("Legal", egress_hosts=[server.entry])


@pytest.fixture
def told(server: SqlServer) -> dict[str, Any]:
    where = {"system": "postgresql", "host": "127.0.0.1", "port": server.port}
    return {**where, "database": "press", "user": USER, "security": "none"}


@pytest.fixture
def database(legal: Department, told: dict[str, Any]) -> Connection:
    return connect(legal, "sql", Told("Press database", told, {"password": PASSWORD}), actor=SYSTEM)


def step(kind: str, **given: Any) -> dict[str, Any]:
    return {"id": "db", "kind": f"sql.{kind}", "with": {"connection": "press-database", **given}}


def problems(written: dict[str, Any]) -> dict[str, str]:
    inputs = {"words": {"type": "text", "title": "Words"}}
    definition = Definition.model_validate({"format": 1, "name": "Probe", "inputs": inputs, "steps": [written]})
    return {problem.field: problem.message for problem in engine_problems.problems(definition, kinds())}


def stored(run: Run) -> str:
    return repr([list(run.steps.values()), *[list(each.tries.values()) for each in run.steps.all()]])


def test_a_database_is_tried_and_says_what_it_is(database: Connection) -> None:
    assert try_out(database, actor=SYSTEM)
    assert database.health_said == "Signed in. The server calls itself PostgreSQL 18.6."


def test_a_password_told_for_one_way_goes_no_other(database: Connection, told: dict[str, Any]) -> None:
    for other in ({"security": "tls"}, {"host": "db.evil.example"}, {"port": None}, {"system": "mysql"}):
        with pytest.raises(ValidationError) as refused:
            change(database, Told("Press database", told | other), actor=SYSTEM)
        assert list(refused.value.message_dict) == ["password"]


def test_rows_are_kept_changed_and_read(database: Connection, legal: Department, server: SqlServer) -> None:
    rows = [{"url": "https://a.example/'", "tone": "good", "other": 1}, {"url": "https://b.example", "tone": "bad"}]
    table = {"id": "table", "kind": "data.set", "with": {"values": {"rows": rows}}}
    keep = step("upsert", table="mention", columns=["url", "tone"], keys=["url"], rows="{{ steps.table.rows }}")
    assert done([table, keep], department=legal, name="Keep").status == "succeeded"

    write = step(
        "write", statement="UPDATE mention SET tone = :t WHERE url = :u", values={"t": "x", "u": rows[0]["url"]}
    )
    changed = done([write], department=legal, name="Change")
    read = step("read", query="SELECT * FROM mention WHERE tone <> :none ORDER BY url", values={"none": "{{ run.id }}"})
    run = done([read], department=legal)

    assert changed.steps.get().output == {"count": 1}
    expected = [{"url": "https://a.example/'", "tone": "x"}, {"url": "https://b.example", "tone": "bad"}]
    assert run.steps.get().output == {"rows": expected, "count": 2, "more": False}
    assert PASSWORD not in stored(run)


def test_rows_that_were_left_out_are_said(database: Connection, legal: Department) -> None:
    run = done([step("read", query="SELECT * FROM generate_series(1, 9) AS n", most=3)], department=legal)

    assert (run.steps.get().output["count"], run.steps.get().output["more"]) == (3, True)
    assert "There are more than 3 rows" in repr(list(run.journal.values()))


@pytest.mark.parametrize(
    ("written", "field", "says"),
    [
        (step("read", query="SELECT * FROM {{ inputs.words }}"), "with.query", "no data may stand in it"),
        (step("read", query="{{ inputs.words }}"), "with.query", "no data may stand in it"),
        (step("write", statement="{{ inputs.words }}"), "with.statement", "no data may stand in it"),
        (step("write", statement="UPDATE t SET a = '{{ inputs.words }}'"), "with.statement", "no data may stand in it"),
        (step("read", query="DELETE FROM mention"), "with.query", "only reads"),
        (step("read", query="SELECT :a", values={"b": 1}), "with.values", "names :a"),
        (step("upsert", table="{{ inputs.words }}", columns=["a"], keys=["a"], rows=[]), "with.table", "no data"),
        (step("upsert", table="t", columns=["{{ inputs.words }}"], keys=["a"], rows=[]), "with.columns", "no data"),
        (step("upsert", table="t", columns=["a"], keys=["b"], rows=[]), "with.keys", "not among the columns"),
    ],
)
def test_text_of_others_can_never_become_sql(written: dict[str, Any], field: str, says: str) -> None:
    assert says in problems(written)[field]


def test_no_ai_writes_sql() -> None:
    for kind, fields in {"read": ["query"], "write": ["statement"], "upsert": ["table", "columns", "keys"]}.items():
        told = kinds()[f"sql.{kind}"].Params.model_json_schema()["properties"]
        assert [told[field].get("x-destination") for field in fields] == ["whole"] * len(fields)


def test_a_value_may_be_anything(database: Connection, legal: Department) -> None:
    read = step("read", query="SELECT :words AS words", values={"words": "{{ inputs.words }}"})
    inputs = {"words": {"type": "text", "title": "Words"}}

    run = done([read], department=legal, inputs=inputs, given={"words": "'; DROP TABLE mention; -- {{ run.id }}"})

    assert run.steps.get().output["rows"] == [{"words": "'; DROP TABLE mention; -- {{ run.id }}"}]


@pytest.mark.parametrize("table", ["mention; DROP TABLE mention", 'mention"', "a.b.c", ""])
def test_a_table_is_a_name(table: str, database: Connection, legal: Department) -> None:
    keep = step("upsert", table=table or " ", columns=["url"], keys=["url"], rows=[{"url": "x"}])

    run = done([keep], department=legal)

    assert run.status == "failed"
    assert "A table is called like" in str(run.error)


def test_a_worker_that_died_while_it_wrote_never_writes_again_by_itself(
    database: Connection, legal: Department, server: SqlServer
) -> None:
    write = step("write", statement="INSERT INTO mention (url) VALUES ('x')")
    run = run_of(published([write], legal))
    work = claim(run)
    store.announce_effect(work.step)
    lose_the_worker(run, "db")

    run = carried(run)

    assert run.steps.get().status == "parked"
    assert server.as_owner("SELECT * FROM mention") == []


def test_what_was_approved_is_what_is_written(database: Connection, legal: Department, server: SqlServer) -> None:
    rows = [{"url": "https://a.example", "tone": "good", "note": "stays here"}]
    keep = step("upsert", table="mention", columns=["url", "tone"], keys=["url"], rows=rows)
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "May it be written?", "sends": "db"}}
    ada = actor_for_user(factories.make_user("Ada", legal, Role.APPROVER))
    run = carried(run_of(published([ask, keep], legal)))
    assert server.as_owner("SELECT * FROM mention") == []

    with silent_broker():
        decide_task(Task.objects.get(run=run), actor=ada, decision="approve")

    assert carried(run).status == "succeeded"
    leaving = Task.objects.get(run=run).leaving
    assert leaving is not None
    assert leaving["headings"] == {"Table": "mention", "Key": "url"}
    assert json.loads(leaving["body"]) == [{"url": "https://a.example", "tone": "good"}]
    assert server.as_owner("SELECT * FROM mention") == [("https://a.example", "good")]


def test_a_test_run_asks_and_changes_nothing(database: Connection, legal: Department, server: SqlServer) -> None:
    server.as_owner("INSERT INTO mention VALUES ('x', 'good')")
    read = {**step("read", query="SELECT tone FROM mention"), "id": "read"}
    write = step(
        "write", statement="DELETE FROM mention WHERE tone = :t", values={"t": "{{ steps.read.rows[0].tone }}"}
    )

    with silent_broker():
        run = carried(start_test(published([read, write], legal), actor=SYSTEM))

    assert run.status == "succeeded", run.error
    summary = run.steps.get(step_id="db").summary
    assert summary.startswith("Would do in press-database: DELETE FROM mention WHERE tone = :t")
    assert '"t": "good"' in summary
    assert len(server.as_owner("SELECT * FROM mention")) == 1
