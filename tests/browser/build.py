"""What the browser tests of the build page share: a builder at her page, and words for what she does there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

from workflows.models import Workflow


@dataclass(frozen=True, slots=True)
class Builder:
    """A person in front of the build page of one workflow."""

    page: Page
    workflow: Workflow

    def open(self) -> Builder:
        self.page.goto(f"/workflows/{self.workflow.pk}/build/")
        expect(self.page.locator("#build")).to_have_attribute("data-ready", "1")
        return self

    def card(self, title: str) -> Locator:
        """The button of a card, which carries its title."""
        return self.page.locator(".bd-card .bd-open").get_by_text(title, exact=True)

    def column(self) -> list[str]:
        """The titles of the cards, as they stand."""
        return self.page.locator("#seq .bd-card .bd-open").all_inner_texts()

    def expect_column(self, *titles: str) -> None:
        expect(self.page.locator("#seq .bd-card .bd-open")).to_have_text(list(titles))

    def add(self, plus: Locator, words: str) -> None:
        """By the “+”, searched for and chosen with Enter; its panel opens."""
        shown = self.page.locator("#panel [data-panel]")
        before = shown.get_attribute("data-panel") if shown.count() else "nothing"
        plus.click()
        self.page.get_by_role("combobox", name="What should this step do?").fill(words)
        self.page.keyboard.press("Enter")
        expect(shown).not_to_have_attribute("data-panel", str(before))

    def end(self, sequence: str = "seq") -> Locator:
        return self.page.locator(f"#{sequence} > .bd-end .bd-plus")

    def more(self, title: str, action: str) -> None:
        """By the menu of a card."""
        self.page.get_by_role("button", name=f"More for “{title}”").click()
        self.page.get_by_role("menuitem", name=action).click()

    def saved(self) -> None:
        """Nothing is under way any more."""
        expect(self.page.locator("#saved-state")).not_to_have_attribute("data-state", "saving")

    def draft(self) -> dict[str, Any]:
        self.saved()
        self.workflow.refresh_from_db()
        return self.workflow.draft

    def steps(self) -> list[str]:
        """The ids of the draft's steps, on its first level."""
        return [step["id"] for step in self.draft()["steps"]]
