"""A user in front of a page."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from axe_playwright_python.base import AXE_SCRIPT
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Request, Response

PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 800}
COLOUR_RULES = ["color-contrast", "link-in-text-block"]


class Screen(NamedTuple):
    """A size of the window, and the colours that its user prefers."""

    name: str
    viewport: Any
    scheme: Any

    @property
    def options(self) -> dict[str, Any]:
        """The options of a browser that begins with this screen."""
        return {"viewport": self.viewport, "color_scheme": self.scheme}


DESK_LIGHT = Screen("desk-light", DESK, "light")
DESK_DARK = Screen("desk-dark", DESK, "dark")
PHONE_LIGHT = Screen("phone-light", PHONE, "light")
PHONE_DARK = Screen("phone-dark", PHONE, "dark")
NARROW_LIGHT = Screen("narrow-light", NARROW, "light")


class Visitor:
    """A browser of its own, which collects violations: requests to other hosts, or of the CSP."""

    def __init__(self, browser: Browser, origin: str, **options: Any) -> None:
        self.origin = origin
        self.violations: list[str] = []
        self.context = browser.new_context(
            base_url=origin, **{"locale": "en-GB", "viewport": DESK, **options}
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.on("request", self._notice_request)
        self.page.on("console", self._notice_message)
        self.page.on("pageerror", lambda error: self.violations.append(f"script failed: {error}"))

    def open(self, path: str) -> Response:
        answer = self.page.goto(path)
        assert answer
        return answer

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"#id_{name}").fill(value)

    def submit(self) -> Response:
        with self.page.expect_navigation() as navigation:
            self.page.click("main [type=submit]")
        answer = navigation.value
        assert answer
        return answer

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.origin)

    @property
    def heading(self) -> str:
        return self.page.inner_text("h1")

    @property
    def errors(self) -> list[str]:
        return self.page.locator(".errors li, .alert p").all_inner_texts()

    @property
    def cookies(self) -> dict[str, Any]:
        return {str(cookie.get("name")): cookie for cookie in self.context.cookies()}

    def targets(self) -> list[Any]:
        """Return the boxes of all buttons, fields and links, except for links within a sentence."""
        return [
            target.bounding_box()
            for target in self.page.locator("main button, main input, main a").all()
            if target.is_visible()
        ]

    def barriers(self, only: list[str] | None = None) -> list[str]:
        """Return the violations that axe finds, by all its rules or by ``only`` some."""
        options = {
            "resultTypes": ["violations"],
            "preload": False,
        }  # it would fetch style sheets anew, which the policy forbids
        if self.page.evaluate("!window.axe"):
            self.page.evaluate(AXE_SCRIPT)
        script = """async options => (await axe.run(options)).violations.map(
            problem => `${problem.id}: ${problem.nodes[0].html}`)"""
        return list(self.page.evaluate(script, {**options, **({"runOnly": only} if only else {})}))

    def scrolls_sideways(self) -> bool:
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )

    def inner_scrolls(self) -> list[str]:
        """Return the elements that hide a part of themselves behind a scroll bar of their own."""
        script = """[...document.querySelectorAll("main *")]
            .filter(found => ["auto", "scroll"].includes(getComputedStyle(found).overflowX))
            .filter(found => found.scrollWidth > found.clientWidth)
            .filter(found => !found.matches("input, select, textarea, pre"))
            .map(found => `${found.tagName}.${found.className}`)"""
        return list(self.page.evaluate(script))

    def look(self, name: str, *screens: Screen) -> None:
        """Check the page's accessibility on each screen, and keep pictures; the last screen stays.

        In other colours at the same size only the colours are looked at: all else is the same. A
        narrow phone shows what any phone shows, and nothing may be wider than it.
        """
        sizes: list[Any] = []
        for screen in screens:
            self.turn_to(screen)
            assert not self.scrolls_sideways(), screen
            if screen.viewport != NARROW:
                rules = COLOUR_RULES if screen.viewport in sizes else None
                assert self.barriers(rules) == [], screen
            self.keep(f"{name}-{screen.name}")
            sizes.append(screen.viewport)

    def turn_to(self, screen: Screen) -> None:
        """Show the page on another screen, and wait until no colour is on its way any more."""
        self.page.set_viewport_size(screen.viewport)
        self.page.emulate_media(color_scheme=screen.scheme)
        self.page.evaluate(
            "Promise.all(document.getAnimations().map(each => each.finished.catch(() => null)))"
        )

    def keep(self, name: str) -> None:
        if folder := os.environ.get("SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def take_session(self, client: Client) -> None:
        """Go on with the cookies of a test client."""
        cookies = client.cookies.values()
        self.context.add_cookies(
            [{"name": each.key, "value": each.value, "url": self.origin} for each in cookies]
        )

    def leave(self) -> None:
        self.context.close()

    def _notice_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:")):
            self.violations.append(f"called {request.url}")

    def _notice_message(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.violations.append(message.text)
