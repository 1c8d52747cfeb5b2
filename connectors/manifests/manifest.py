"""What is kept of an outside system: where it is, how it is signed in to, and what can be done there. Pure data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_NAME = 24
LONGEST_OPERATION = 29


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(StrEnum):
    """What an operation does there, as a person judges it."""

    READ = "read"
    WRITE = "write"
    DANGER = "danger"


class Asked(Part):
    """One value that an operation takes. `field` is its name in the form, `name` the one at the service.

    `place`: in the path, the query, a header, or the body; `whole` is the body itself. `sent`: how it is written in an
    address: a list repeated or with commas, a group deep (`filter[name]`), a path within the path with its slashes.
    `least` and `most` bound a number, `shortest` and `longest` a text or a list. `parts` are the fields of a group,
    `items` is the type of the things in a list.
    """

    field: str
    name: str
    place: Literal["path", "query", "header", "body", "whole"] = "body"
    type: Literal["text", "long_text", "number", "integer", "yes_no", "choice", "date", "list", "group", "json", "file"]
    needed: bool = False
    title: str = ""
    about: str = ""
    example: str = ""
    choices: tuple[str | int | float, ...] = ()
    least: float | None = None
    most: float | None = None
    shortest: int | None = None
    longest: int | None = None
    items: Literal["", "text", "number", "integer"] = ""
    sent: Literal["repeated", "commas", "deep", "slashes"] = "repeated"
    parts: tuple[Asked, ...] = ()


class Paging(Part):
    """How the rest of a long list is asked for. `items` and `next` are dotted places in the answer.

    by `link`: the answer (or its Link header) holds the next address; `cursor`: it holds a text to send as `name`;
    `offset`: `name` is how many were given so far; `page`: `name` counts pages, beginning with `first`.
    """

    by: Literal["link", "cursor", "offset", "page"]
    name: str = ""
    place: Literal["query", "body"] = "query"
    next: str = ""
    items: str = ""
    first: int = 1


class Operation(Part):
    """One thing to do there. `problem` says why it cannot become a step; the step then is not offered.

    `body` is how what stands in the body is written: json, form, multipart, or bytes of the type `body_type`.
    `once_header` takes a key under which the service does a thing once. `gives` is JSON Schema of the answer. With
    `address` it lies elsewhere than the service.
    """

    name: str = Field(max_length=LONGEST_OPERATION)
    id: str = ""
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CALL"]
    path: str
    address: str = ""
    title: str
    about: str = ""
    tag: str = ""
    level: Level
    asked: tuple[Asked, ...] = ()
    body: Literal["", "json", "form", "multipart", "bytes"] = ""
    body_type: str = ""
    accept: str = ""
    once_header: str = ""
    paging: Paging | None = None
    gives: Mapping[str, Any] = Field(default_factory=dict)
    problem: str = ""


class Variable(Part):
    """A part of an address that each customer has otherwise."""

    name: str
    default: str = ""
    choices: tuple[str, ...] = ()
    about: str = ""


class Server(Part):
    """Where the service begins; `{names}` in the address stand for its variables."""

    address: str
    title: str = ""
    variables: tuple[Variable, ...] = ()


class Scheme(Part):
    """One credential of a way to sign in. `name` is that of the header, the parameter or the cookie.

    The rest belongs to oauth2: `flow` is the one of its grants that a server can use, `scopes` name → what it allows,
    `more` what also goes into the address that a person opens; `in_body` says where the app's secret is sent.
    """

    by: Literal["bearer", "basic", "header", "query", "cookie", "oauth2"]
    title: str = ""
    about: str = ""
    name: str = ""
    flow: Literal["", "authorization_code", "client_credentials"] = ""
    authorize: str = ""
    token: str = ""
    scopes: Mapping[str, str] = Field(default_factory=dict)
    more: Mapping[str, str] = Field(default_factory=dict)
    in_body: bool = False


class SignIn(Part):
    """One way to sign in: all of these credentials together; none for a service that is open."""

    name: str
    title: str
    schemes: tuple[Scheme, ...] = ()


def told_apart(ways: Sequence[SignIn]) -> dict[str, str]:
    """Name of each way → its title, with what is said of it where another one has the same."""
    alike = Counter(each.title for each in ways)
    return {each.name: each.title if alike[each.title] == 1 else f"{each.title} ({_own(each)})" for each in ways}


def _own(way: SignIn) -> str:
    about = next((scheme.about.rstrip(".") for scheme in way.schemes if scheme.about), way.name)
    return about[:1].lower() + about[1:]


class Service(Part):
    """The system itself, without its operations. `test_path` changes nothing and needs nothing but the credentials.

    `also` are origins of operations that lie elsewhere: they see the credentials too. By `protocol` mcp it is a server
    of the Model Context Protocol, whose operations are tools: their method is CALL, their path the tool's name.
    """

    protocol: Literal["http", "mcp"] = "http"

    title: str
    about: str = ""
    version: str = ""
    icon: str = "api"
    servers: tuple[Server, ...] = ()
    also: tuple[str, ...] = ()
    signs_in: tuple[SignIn, ...] = ()
    test_path: str = ""
    documentation: str = ""


class Manifest(Part):
    """`notes` say what of the description could not be taken over."""

    service: Service
    operations: tuple[Operation, ...]
    notes: tuple[str, ...] = ()


class Refused(Exception):
    """The document is not imported; the text is a sentence that says why and what would do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
