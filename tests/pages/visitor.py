"""A user in front of a page."""

import os
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Request, Response

PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}
DESK = {"width": 1280, "height": 800}


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
        found = Axe().run(self.page, options={**options, **({"runOnly": only} if only else {})})
        return [
            f"{problem['id']}: {problem['nodes'][0]['html']}"
            for problem in found.response["violations"]
        ]

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

    def look(self, name: str) -> None:
        """Check the page's accessibility, and keep a picture of it."""
        assert not self.scrolls_sideways()
        assert self.barriers() == []
        self.keep(name)

    def keep(self, name: str) -> None:
        if folder := os.environ.get("SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def leave(self) -> None:
        self.context.close()

    def _notice_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.origin}/", "data:")):
            self.violations.append(f"called {request.url}")

    def _notice_message(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.violations.append(message.text)
