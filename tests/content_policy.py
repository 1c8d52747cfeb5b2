"""H02: every page that any test is shown keeps to the content policy, or the test fails.

A browser would drop what breaks it; here it is named. tests/settings.py puts this before all other middleware.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from lxml import etree, html

DATA = ("application/json", "application/ld+json")
"""Types of script elements that no browser runs."""
ADDRESSES = ("href", "src", "action", "formaction", "data", "poster", "srcdoc", "xlink:href")
"""Attributes that a browser follows; in others what looks like a script is only shown."""
LOOSE = ("'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "http:", "https:", "*")


class Middleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        if isinstance(answer, HttpResponse) and answer.headers.get("Content-Type", "").startswith("text/html"):
            found = [*loose(answer.headers.get("Content-Security-Policy", "")), *inline(answer.content)]
            assert not found, f"{request.method} {request.path}: {'; '.join(found)}"
        return answer


def loose(policy: str) -> Iterator[str]:
    """What the policy lets through that it should not."""
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";") if part.strip())
    for name, wanted in {"object-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'"}.items():
        if directives.get(name) != wanted:
            yield f"the policy's {name} is not {wanted}"
    if not {"default-src", "script-src", "style-src"} <= set(directives):
        yield "the policy does not say where scripts and styles come from"
    for name, sources in directives.items():
        yield from (f"the policy's {name} allows {source}" for source in sources.split() if source in LOOSE)


def inline(page: bytes) -> Iterator[str]:
    """Scripts, styles and handlers that stand in the page itself."""
    if not page.strip():
        return
    for element in html.document_fromstring(page).iter(etree.Element):
        yield from _inline(element)


def _inline(element: html.HtmlElement) -> Iterator[str]:
    if element.tag == "style":
        yield "a <style>"
    if element.tag == "script" and "src" not in element.attrib and element.get("type") not in DATA:
        yield "a <script> without src"
    for name, value in element.attrib.items():
        if name == "style" or name.startswith(("on", "hx-on", "data-hx-on")):
            yield f'{name}="{value[:60]}" at <{element.tag}>'
        elif name in ADDRESSES and value.strip().lower().startswith(("javascript:", "data:text/html")):
            yield f"{name} runs a script at <{element.tag}>"
