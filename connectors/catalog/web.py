"""Pages of the web: what lies at an address, as text."""

from __future__ import annotations

from typing import Literal

from connectors.sdk import Action, Done, Field, Model, StepContext, hint
from connectors.sdk.addresses import bare
from connectors.sdk.context import Link
from connectors.sdk.web import connection_field, got

ACCEPT = "text/html, application/xhtml+xml, application/pdf;q=0.9, */*;q=0.1"


class ReadWebPage(Action):
    """Read the text of a web page, or of a document that lies at an address."""

    kind = "web.read"
    title = "Read a web page"
    reads_as = "Read the page {url}"
    icon = "world-www"
    timeout_s = 120

    class Params(Model):
        url: str = Field(
            min_length=1,
            max_length=8_000,
            title="Address",
            description="Of a page, a PDF or another document. Its host must be on the administrator's list.",
            json_schema_extra=hint(
                "text", example="https://www.example.com/press/2026/news.html", destination="address"
            ),
        )
        part: Literal["main", "whole"] = Field(
            default="main",
            title="How much of the page",
            description="Menus, heads and feet stand around the text on every page of a site.",
            json_schema_extra=hint("choice", labels={"main": "The text itself", "whole": "All that it shows"}),
        )
        with_links: bool = Field(
            default=False,
            title="Links too",
            description="Where the links in that part lead, with their words: at most 200.",
            json_schema_extra=hint("switch", advanced=True),
        )
        connection: str = connection_field("page")

    class Output(Model):
        title: str = Field(title="Title")
        text: str = Field(title="Text", description="Nothing hidden, nothing that a script puts in.")
        address: str = Field(
            title="Address", description="Where it really lay, without what is behind a question mark."
        )
        links: list[Link] = Field(title="Links", description="Empty unless asked for.")
        problems: list[str] = Field(title="Problems", description="What was left out, and what looked wrong.")

    def run(self, params: Params, ctx: StepContext) -> Done:
        response = got(ctx, params.connection, params.url, ACCEPT)
        page = ctx.documents.page(response, whole=params.part == "whole")
        for problem in page.problems:
            ctx.note(f"{bare(response.url)}: {problem}")
        output = self.Output(
            title=page.title,
            text=page.text,
            address=bare(response.url),
            links=list(page.links) if params.with_links else [],
            problems=list(page.problems),
        )
        return Done(output, summary=f"{page.title[:200] or bare(response.url)}: {len(page.text):,} characters")
