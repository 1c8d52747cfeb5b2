"""All that a step may touch while it runs, as protocols. The runtime gives the real thing, a test gives its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from connectors.sdk.connector import Account


class FileRef(BaseModel):
    """A stored file as a value of a run: `file` is its id, never a path."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"x-widget": "file"})

    file: str = Field(min_length=1, max_length=64)
    name: str = Field(max_length=255)
    type: str = ""
    size: int = Field(default=0, ge=0, description="bytes")
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: where it stands (`page 3`, `row 12`, `paragraph 4`) and its text."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """What a parser found. `tables` are lists of rows, each row column → value. `problems` name what was left out.

    `table_names` go with `tables` (a sheet's name, `table 2`, nothing for CSV); `pages` only where a format has pages.
    """

    text: str
    passages: Sequence[Passage] = ()
    tables: Sequence[Sequence[Mapping[str, Any]]] = ()
    title: str = ""
    problems: Sequence[str] = ()
    table_names: Sequence[str] = ()
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """Texts without marks; dates in ISO 8601 and UTC, empty where there is none. `id` stays when the rest changes."""

    id: str
    title: str
    link: str
    published: str
    updated: str
    author: str
    summary: str
    content: str


@dataclass(frozen=True, slots=True)
class ReadFeed:
    """A feed in its own order. `problems` name what was left out."""

    title: str
    link: str
    entries: Sequence[FeedEntry]
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    address: str


@dataclass(frozen=True, slots=True)
class ReadPage:
    """What lies at a web address, as text. `problems` name what was left out."""

    title: str
    text: str
    links: Sequence[Link] = ()
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said. `data` is the validated object when a schema was asked for."""

    text: str
    data: Any = None
    model: str = ""
    provider: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """The answer of another system. `data` is the parsed body where it was JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    data: Any = None


class Models(Protocol):
    """The one door to AI models."""

    def ask(
        self,
        instructions: str,
        blocks: Mapping[str, str],
        *,
        schema: Mapping[str, Any] | None = None,
        model: str = "",
        max_tokens: int = 1000,
        temperature: float = 0.2,
    ) -> Answer:
        """Ask once.

        `instructions` is ours and fixed; `blocks` (name → text) is data, fenced and never read as orders. With `schema`
        (JSON Schema, an object with `additionalProperties: false`) the answer's `data` is valid or the call fails.
        Raises Unavailable, RateLimited, AuthFailed, Rejected, BadParams.
        """
        ...

    def room(self, *, model: str = "") -> int:
        """Characters of material that one question surely takes beside instructions and answer."""
        ...


class Http(Protocol):
    """The one guarded door to other systems."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | None = None,
        timeout_s: float = 30,
    ) -> Response:
        """One exchange; any status comes back.

        Raises BadParams (address not allowed, or cannot be sent), Unavailable (no usable answer in time), Rejected (an
        answer too large to take).
        """
        ...


class Files(Protocol):
    """Files of the run's department."""

    def read(self, ref: FileRef) -> bytes:
        """The whole content. Raises BadParams when the department has no such file."""
        ...

    def save(self, name: str, content: bytes, type: str) -> FileRef: ...


class Documents(Protocol):
    """Reading and writing office documents; reading happens in a throw-away process with limits."""

    def read(self, ref: FileRef) -> ReadDocument:
        """Raises BadParams (not a document we read, encrypted, too large), Rejected (broken or hostile)."""
        ...

    def feed(self, response: Response) -> ReadFeed:
        """RSS, Atom or CDF as another system sent it. Raises as above."""
        ...

    def page(self, response: Response, *, whole: bool = False) -> ReadPage:
        """A web page, or a document that lies in its place. Without `whole`, what stands around the page's own text on
        every page of a site is left out. Raises as above.
        """
        ...

    def write(self, form: str, title: str, content: Any) -> bytes:
        """`form`: docx, md, csv, xlsx. `content`: Markdown text, or rows (list of mappings) for csv and xlsx."""
        ...


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a step may know about the run it belongs to. `mode` is live or test."""

    id: str
    workflow: str
    department: str
    department_slug: str
    started_by: str
    started_at: datetime
    today: date
    mode: str = "live"
    extra: Mapping[str, Any] = field(default_factory=dict)


class StepContext(Protocol):
    """Handed to `run` and `resume`."""

    @property
    def run(self) -> RunFacts: ...
    @property
    def path(self) -> str:
        """The step's place in the run: `route/cases.0/draft`."""
        ...

    @property
    def attempt(self) -> int:
        """From 1."""
        ...

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this step in this run."""
        ...

    @property
    def given(self) -> Mapping[str, Any]:
        """The step's parameters as written, before rendering."""
        ...

    @property
    def step(self) -> Mapping[str, Any]:
        """The step's own definition without the contents of its sequences: cases' conditions, arms' titles and tools,
        and the id of each arm's `last` step.
        """
        ...

    @property
    def names(self) -> Mapping[str, Any]:
        """What the containers around the step call things: the item, the round, the failure."""
        ...

    @property
    def spent_usd(self) -> float:
        """What this step has cost so far, with the steps that it holds."""
        ...

    @property
    def now(self) -> datetime: ...
    @property
    def begun_at(self) -> datetime: ...
    @property
    def models(self) -> Models: ...
    @property
    def http(self) -> Http: ...
    def account(self, connection: str) -> Account:
        """The department's connection of this name, opened. Raises AuthFailed when there is none that can be used."""
        ...

    @property
    def files(self) -> Files: ...
    @property
    def documents(self) -> Documents: ...

    def take_new(self, source: str, keys: Sequence[str], most: int) -> Sequence[str]:
        """Of `keys`, the first `most` that this step of the workflow has not taken from `source` in an earlier run.

        They count as taken from now on; every attempt of the step gets the same. What a step took that failed is free
        again. A test takes nothing.
        """
        ...

    def give_back(self, source: str, keys: Sequence[str]) -> None:
        """What this step took and cannot use: the next run is offered it."""
        ...

    def render(self, value: Any, **names: Any) -> Any:
        """Render a value of the step's own definition now, with extra names in scope."""
        ...

    def holds(self, condition: Any, **names: Any) -> bool:
        """Evaluate a condition of the step's own definition now."""
        ...

    def before_effect(self) -> None:
        """Announce what others will see, where the door cannot tell: a GET that changes something over there."""
        ...

    def note(self, sentence: str) -> None:
        """Leave a sentence in the run's journal."""
        ...
