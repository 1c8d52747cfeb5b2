"""What the “+” between two steps offers: every kind with one sentence, in the groups people think in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from connectors import made
from connectors.manifests.steps_made import Step
from connectors.sdk import Action
from departments.access import Actor
from departments.models import Department
from workflows.pages.cards import GROUPS
from workflows.runtime.kinds import kinds
from workflows.services import library

TITLES: Mapping[str, str | Promise] = {
    "ai": _("AI"),
    "people": _("People"),
    "data": _("Data"),
    "flow": _("Flow"),
    "out": _("Connectors"),
}
"""Tone of a kind → title of its group, in the order of the menu."""

WORDS: Mapping[str, str | Promise] = {
    "ai.write": _("draft compose text letter mail statement generate answer"),
    "ai.classify": _("label sort categorise classify sentiment tone"),
    "ai.extract": _("fields facts find read out"),
    "ai.summarise": _("shorten summary brief"),
    "ai.answer": _("question documents knowledge"),
    "ai.translate": _("language localise"),
    "ai.agent": _("agent tools assistant research"),
    "people.approve": _("ask decide yes no sign off person human"),
    "people.review": _("edit check proofread person human"),
    "people.form": _("form fill in fields enter facts question person human"),
    "people.choose": _("choose pick variant version option draft best compare person human"),
    "flow.branch": _("if else condition decide way switch"),
    "flow.loop": _("again until repeat while"),
    "flow.for_each": _("every item list rows loop"),
    "flow.attempt": _("error rescue fallback catch try"),
    "flow.parallel": _("same time together both"),
    "flow.workflow": _("sub-workflow call other"),
    "flow.wait": _("pause delay later"),
    "flow.event": _("pause answer signal callback webhook signed come back"),
    "flow.stop": _("end finish abort"),
    "http.request": _("API web service call fetch webhook"),
}
"""Kind → other words under which somebody may look for it. What is used most comes first in its group."""


INSERT = "insert_saved"
"""Not an edit of the engine: the page asks for a saved step by name, and the library says what is pasted."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the menu. `edit` is what choosing it does, but for the place."""

    key: str
    title: str
    sentence: str
    tone: str
    icon: str
    edit: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    key: str
    title: str
    offers: tuple[Offer, ...]


def offered(department: Department) -> list[Group]:
    """Every kind that is installed, and those of imported services that the department can use, by group and title."""
    by_tone: dict[str, list[Offer]] = {tone: [] for tone in TITLES}
    for name, kind in [*kinds().items(), *made.usable_in(department.pk).items()]:
        offer = _offer(name, kind)
        by_tone[offer.tone].append(offer)
    return [Group(tone, str(TITLES[tone]), tuple(sorted(found, key=_rank))) for tone, found in by_tone.items() if found]


def saved_offers(actor: Actor, department: Department) -> tuple[Offer, ...]:
    """The department's saved steps and sequences: choosing one puts in a copy that knows where it is from."""
    return tuple(_saved_offer(saved) for saved in library.offered(actor, department))


def _saved_offer(saved: library.Offer) -> Offer:
    kind = kinds().get(saved.first_kind)
    tone, icon = GROUPS.get(saved.first_kind.partition(".")[0], ("out", "world"))
    return Offer(
        key=f"saved-{saved.slug}",
        title=saved.title,
        sentence=saved.note,
        tone=tone,
        icon=(kind.icon if kind else "") or icon,
        edit={"do": INSERT, "saved": saved.slug},
    )


def _offer(name: str, kind: type[Action]) -> Offer:
    tone, icon = GROUPS.get(name.partition(".")[0], ("out", "world"))
    return Offer(
        key=name,
        title=f"{kind.service}: {kind.title}" if issubclass(kind, Step) else kind.title,
        sentence=_first_sentence(kind),
        tone=tone,
        icon=kind.icon or icon,
        edit={"do": "add", "kind": name},
        words=str(WORDS.get(name, "")),
    )


def _first_sentence(kind: type[Action]) -> str:
    text = " ".join((kind.__doc__ or "").split())
    sentence, dot, _rest = text.partition(". ")
    return sentence + "." if dot else sentence


def _rank(offer: Offer) -> tuple[int, str]:
    known = list(WORDS)
    return (known.index(offer.key) if offer.key in known else len(known), offer.title.casefold())
