"""Every change of a draft is an edit: plain data, applied by a pure function, said in a sentence.

    apply(definition, {"do": "move", "steps": ["draft"], "place": {"into": {"step": "", "arm": ""}, "at": 2}}, kinds)

`forms` lists every edit with its data.
"""

from workflows.engine.edits.applying import apply, settled
from workflows.engine.edits.draft import UNSET, id_from
from workflows.engine.edits.forms import BadEdit, Edit, json_schema, read
from workflows.engine.edits.rebasing import Clash, Earlier, clashes, placed, rebase, touched
from workflows.engine.edits.references import rewritten
from workflows.engine.edits.saying import said

__all__ = [
    "UNSET",
    "BadEdit",
    "Clash",
    "Earlier",
    "Edit",
    "apply",
    "clashes",
    "id_from",
    "json_schema",
    "placed",
    "read",
    "rebase",
    "rewritten",
    "said",
    "settled",
    "touched",
]
