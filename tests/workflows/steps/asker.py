"""The surroundings of a step that asks an AI: the real door, over HTTP, to the scripted provider."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors.models_gateway.for_step import StepModels
from connectors.models_gateway.record import CallRecord
from connectors.sdk import Action, Done
from tests.factories import make_model, make_provider
from tests.scripted_provider import MODEL, ScriptedProvider, blocks_in


@dataclass
class Asker:
    """`ctx` for one step. `run` validates the parameters as the engine does; `asked` is what the model got to read."""

    provider: ScriptedProvider
    calls: list[CallRecord] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def models(self) -> StepModels:
        return StepModels(self.calls)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def run(self, kind: type[Action], **given: Any) -> Done:
        outcome = kind().run(kind.Params.model_validate(given), self)
        assert isinstance(outcome, Done)
        return outcome

    def output(self, kind: type[Action], **given: Any) -> dict[str, Any]:
        output = self.run(kind, **given).output
        return kind.Output.model_validate(output if isinstance(output, dict) else output.model_dump()).model_dump()

    def instructions(self, call: int = -1) -> str:
        return self.provider.requests[call]["messages"][0]["content"].split("\n\n", 1)[-1]

    def blocks(self, call: int = -1) -> dict[str, str]:
        return blocks_in(self.provider.requests[call])

    def schema(self, call: int = -1) -> dict[str, Any]:
        return self.provider.requests[call]["response_format"]["json_schema"]["schema"]["properties"]


@pytest.fixture
def asker(db: None) -> Iterator[Asker]:
    provider = ScriptedProvider()
    make_model(
        make_provider(base_url=provider.base_url), MODEL, is_default=True, schema_support="full", context_tokens=8_192
    )
    yield Asker(provider)
    provider.close()
