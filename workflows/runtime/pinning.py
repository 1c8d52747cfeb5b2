"""What the steps of a test run gave becomes their sample, in the transaction that settles them.

Live runs have none of this: they cost no statement and no look at another row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from audit import sql
from workflows.engine.definition import Node
from workflows.models import Run, RunMode, Sample, StepStatus
from workflows.runtime import outputs
from workflows.runtime.journey import UNREAD

if TYPE_CHECKING:
    from workflows.runtime.settling import Settlement


def pin(settlements: list[Settlement]) -> None:
    """Keep what succeeded; of the items of a list the first. Inside a transaction."""
    # In one order, so that two tests of one workflow never wait for each other.
    found = sorted(_results(settlements), key=lambda result: str(result["step_id"]))
    if found:
        sql.execute(_PIN, [sql.recordset(found)])


def kept(run: Run, node: Node) -> Any:
    """What really came back from this step before, or what a person wrote in its place; else None. One query."""
    row = Sample.objects.filter(workflow=run.workflow_id, step_id=node.id, kind=node.kind, rehearsed=False).first()
    if row is None:
        return None
    return outputs.fetch(row.output_sha256) if row.output_sha256 else row.output


def _results(settlements: list[Settlement]) -> Iterator[dict[str, Any]]:
    for settlement in settlements:
        run = settlement.run
        if run.mode == RunMode.LIVE or not _belongs_to_the_workflow(run):
            continue
        last = {step.step_id: step for step in (*settlement.new.values(), *settlement.changed.values())}
        for step in last.values():
            if step.status != StepStatus.SUCCEEDED or step.output is UNREAD or step.output is None:
                continue
            output, sha256 = outputs.put_away(step.output)
            yield {
                "workflow_id": run.workflow_id,
                "step_id": step.step_id,
                "kind": step.kind,
                "output": output,
                "output_sha256": sha256,
                "by_hand": False,
                "rehearsed": bool(step.inside.get("rehearsed")),
                "made_by": "",
                "run_id": run.pk,
                "at": settlement.now,
            }


def _belongs_to_the_workflow(run: Run) -> bool:
    """Not a workflow that was called: its steps are another workflow's."""
    return run.parent_id is None or (bool(run.body) and run.item_index == 0)


_COLUMNS = "workflow_id, step_id, kind, output, output_sha256, by_hand, rehearsed, made_by, run_id, at"
_PIN = f"""
INSERT INTO workflows_sample ({_COLUMNS})
SELECT {_COLUMNS} FROM json_populate_recordset(NULL::workflows_sample, %s::json)
ON CONFLICT (workflow_id, step_id) DO UPDATE SET
    kind = excluded.kind, output = excluded.output, output_sha256 = excluded.output_sha256,
    rehearsed = excluded.rehearsed, by_hand = false, made_by = '', run_id = excluded.run_id, at = excluded.at
WHERE workflows_sample.kind <> excluded.kind
   OR NOT (workflows_sample.by_hand OR (excluded.rehearsed AND NOT workflows_sample.rehearsed))
"""
