"""A real headless Chromium on a real server. Every page is watched: policy violations, script errors and failed
requests fail the test; `seen` also asks axe and takes pictures in three widths, light and dark."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from config import front_end
from departments.models import User

WIDTHS = (360, 1024, 1600)
PICTURES = os.environ.get("TANDEM_SCREENS", "")
"""A folder for the pictures of every page; none are taken where it is not named."""
WATCH = (
    "addEventListener('securitypolicyviolation', e => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`))"
)


@pytest.fixture(scope="session", autouse=True)
def allow_the_database_beside_playwright() -> None:
    # Playwright's sync API runs an event loop in this thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core; also makes the front end that the pages need."""
    front_end.build(settings.FRONT_END_DIR)
    return (front_end.fetch(settings.FRONT_END_DIR) / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="session")
def browser(chromium: str, axe: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--headless"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1024, "height": 800}, locale="en-GB")
    context.set_default_timeout(8_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab. What its console complains about fails the test at its end."""
    page = context.new_page()
    complaints: list[str] = []
    page.add_init_script(WATCH)
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    unexpected = [said for said in complaints if not any(code in said for code in getattr(page, "expected", ()))]
    assert unexpected == []


@pytest.fixture
def sign_in(context: BrowserContext, live_server: LiveServer) -> Callable[[User], None]:
    """Gives the browser the session of a person, without walking through the sign-in page each time."""

    def sign_in(user: User) -> None:
        client = Client()
        client.force_login(user)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])

    return sign_in


@pytest.fixture
def seen(page: Page, axe: str) -> Callable[[str], None]:
    """Ask axe about the page as it stands, in light and in dark, on a phone and on a wide screen; take its pictures."""

    def seen(name: str) -> None:
        page.wait_for_load_state()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            # What is dark is as wide as what is light: it is looked at once, unless pictures are wanted.
            for width in WIDTHS if PICTURES or scheme == "light" else WIDTHS[-1:]:
                page.set_viewport_size({"width": width, "height": 800})
                _demand_that_it_fits(page, f"{name} at {width}")
                if width != 1024:
                    _ask(page, axe, f"{name} at {width} in {scheme}", only_colours=scheme == "dark")
                if PICTURES:
                    Path(PICTURES).mkdir(parents=True, exist_ok=True)
                    # Hiding the caret would leave an empty style attribute on every field, which htmx then copies.
                    picture = Path(PICTURES) / f"{name}-{width}-{scheme}.png"
                    page.screenshot(path=picture, full_page=True, caret="initial")
        page.emulate_media(color_scheme="light")

    return seen


def _demand_that_it_fits(page: Page, place: str) -> None:
    """A fragment that is just being swapped may stand there unstyled for a moment; a page just left is empty."""
    for _ in range(20):
        if page.evaluate("document.documentElement?.scrollWidth <= innerWidth"):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{place} is too wide")


def _ask(page: Page, axe: str, place: str, *, only_colours: bool) -> None:
    """What is said at once may be of a fragment that is just being swapped; what is still said after it stands."""
    for wait_ms in (200, 500, 1500, 0):
        said = _complaints(page, axe, only_colours)
        if not said:
            return
        page.wait_for_timeout(wait_ms)
    raise AssertionError(f"axe on {place}: {said}")


def _complaints(page: Page, axe: str, only_colours: bool) -> list[str]:
    """A scheme changes colours and nothing else: its other rules have been asked for already."""
    # evaluate() runs outside the page's content security policy, which would refuse a script tag.
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(axe)
    rules = {"runOnly": ["color-contrast", "link-in-text-block"]} if only_colours else {}
    found = page.evaluate("rules => axe.run(rules).then(said => said.violations)", rules)
    return [f"{each['id']}: {node['html'][:160]} {node['failureSummary']}" for each in found for node in each["nodes"]]
