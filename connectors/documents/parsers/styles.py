"""What a Word document's styles say about its text: hidden, struck through, a heading, part of a list."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from connectors.documents.package import attribute, local

CHAIN_MAX = 20
OFF = ("0", "false", "off", "none")


@dataclass(frozen=True, slots=True)
class Styles:
    by_id: dict[str, Element]
    default: str = ""

    def is_hidden(self, run: Element) -> bool:
        return self._run_says(run, "vanish")

    def is_hidden_paragraph(self, paragraph: Element) -> bool:
        chain = self._chain(_style_named(property_of(paragraph, "pPr"), "pStyle"))
        return any(is_on(property_of(property_of(style, "rPr"), "vanish")) for style in chain)

    def is_struck(self, run: Element) -> bool:
        return self._run_says(run, "strike") or self._run_says(run, "dstrike")

    def is_title(self, paragraph: Element) -> bool:
        chain = self._chain(_style_named(property_of(paragraph, "pPr"), "pStyle"))
        names = [(attribute(property_of(style, "name"), "val") or "").lower() for style in chain]
        return any(name in ("title", "heading 1") for name in names)

    def list_of(self, paragraph: Element) -> tuple[str, int]:
        """List number and depth; the number is empty where the paragraph is in no list."""
        own = property_of(paragraph, "pPr")
        chain = self._chain(_style_named(own, "pStyle") or self.default)
        numberings = [property_of(own, "numPr"), *(property_of(property_of(style, "pPr"), "numPr") for style in chain)]
        stated = [one for one in numberings if one is not None]
        number = next((value for one in stated if (value := attribute(property_of(one, "numId"), "val"))), "")
        depth = next((value for one in stated if (value := attribute(property_of(one, "ilvl"), "val"))), "0")
        return ("" if number == "0" else number), (int(depth) if depth.isdecimal() else 0)

    def _run_says(self, run: Element, name: str) -> bool:
        own = property_of(run, "rPr")
        said = property_of(own, name)
        if said is not None:
            return is_on(said)
        chain = self._chain(_style_named(own, "rStyle"))
        return any(is_on(property_of(property_of(style, "rPr"), name)) for style in chain)

    def _chain(self, style: str) -> list[Element]:
        """The style and what it is based on, nearest first."""
        chain: list[Element] = []
        while style in self.by_id and len(chain) < CHAIN_MAX:
            chain.append(self.by_id[style])
            style = attribute(property_of(chain[-1], "basedOn"), "val") or ""
        return chain


def styles_of(root: Element | None) -> Styles:
    styles = [style for style in (root if root is not None else ()) if local(style.tag) == "style"]
    by_id = {attribute(style, "styleId") or "": style for style in styles}
    usual = [
        style
        for style in styles
        if attribute(style, "default") in ("1", "true") and attribute(style, "type") == "paragraph"
    ]
    return Styles(by_id, (attribute(usual[0], "styleId") or "") if usual else "")


def property_of(element: Element | None, name: str) -> Element | None:
    return next((child for child in (element if element is not None else ()) if local(child.tag) == name), None)


def is_on(said: Element | None) -> bool:
    """A switch in a Word document is on when it is there and does not say otherwise."""
    return said is not None and (attribute(said, "val") or "1").lower() not in OFF


def _style_named(properties: Element | None, name: str) -> str:
    return attribute(property_of(properties, name), "val") or ""
