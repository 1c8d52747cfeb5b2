"""Which examples there are, and what to start each of them with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflows.engine import readable

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Example:
    """A workflow ready to be seeded.

    `sample` maps each input to its value; for an input of type file the value is the name of a file beside the
    definition, whose content `sample_files` gives.
    """

    slug: str
    department_slug: str
    title: str
    description: str
    definition_path: Path
    sample: Mapping[str, Any]
    runs_on_first_start: bool


def load_definition(example: Example) -> dict[str, Any]:
    """The definition as a mapping, as `engine.definition.load` takes it."""
    return _mapping(example.definition_path)


def sample_files(example: Example) -> dict[str, tuple[str, bytes]]:
    """Input → (file name, content), for the inputs of type file."""
    inputs = load_definition(example)["inputs"]
    names = {name: value for name, value in example.sample.items() if inputs[name]["type"] == "file"}
    return {name: (value, (example.definition_path.parent / value).read_bytes()) for name, value in names.items()}


def _example(slug: str, department_slug: str, path: str, *, runs_on_first_start: bool = False) -> Example:
    definition = _mapping(FOLDER / path)
    return Example(
        slug=slug,
        department_slug=department_slug,
        title=definition["name"],
        description=definition["description"],
        definition_path=FOLDER / path,
        sample=_mapping((FOLDER / path).with_name("sample.yaml")),
        runs_on_first_start=runs_on_first_start,
    )


def _mapping(path: Path) -> dict[str, Any]:
    return dict(readable.loads(path.read_text(encoding="utf-8")))


EXAMPLES: tuple[Example, ...] = (
    _example("campaign-copy", "marketing", "campaign_copy/workflow.yaml", runs_on_first_start=True),
    _example("campaign-copy-reviewed", "marketing", "campaign_copy/with_review.yaml"),
    _example("nda-triage", "legal", "nda_triage/workflow.yaml", runs_on_first_start=True),
    _example("nda-triage-approved", "legal", "nda_triage/with_approval.yaml"),
    _example("press-digest", "communications", "press_digest/workflow.yaml", runs_on_first_start=True),
    _example("press-digest-reviewed", "communications", "press_digest/with_review.yaml"),
)
