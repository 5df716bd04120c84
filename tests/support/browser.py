"""A real, headless Chromium for tests of pages: Debian's, or any that CHROMIUM names or the PATH holds.

Playwright drives it over its own protocol; its own browsers are not needed and never downloaded.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--disable-gpu", "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required")
INSIDE = ("file:", "data:", "blob:", "about:")  # addresses that need no network
TIMEOUT = 120_000  # milliseconds; machines may be busy
PHONE, DESK = 390, 1280  # widths of a window


@dataclass
class Visit:
    """An open page. errors: messages of its console and scripts. left: requests that would have gone to a
    network; all are blocked. loaded: every other address, in order."""

    page: Page
    errors: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def note(self, address: str) -> None:
        (self.loaded if address.startswith(INSIDE) else self.left).append(address)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    @property
    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        edges = "[document.scrollingElement.scrollWidth, document.documentElement.clientWidth]"
        scrolled, client = self.page.evaluate(edges)
        return scrolled - min(client, self.page.viewport_size["width"])


def chromium_path() -> str:
    """The browser. Without one the test skips, or fails where VAD_REQUIRE_CHROMIUM is set."""
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    reason = f"CHROMIUM is {named!r}, no program" if named else f"needs a browser: {', '.join(NAMES)}"
    if os.environ.get("VAD_REQUIRE_CHROMIUM"):
        pytest.fail(f"{reason}, and VAD_REQUIRE_CHROMIUM is set", pytrace=False)
    pytest.skip(reason)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A browser until the block ends. Playwright's event loop ends with it, because it disturbs other
    tests."""
    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(
    browser: Browser, path: Path, *, width: int = DESK, height: int = 900, dark: bool = False
) -> Iterator[Visit]:
    """Open a file in its own window, without network."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        is_mobile=width <= PHONE,
        has_touch=width <= PHONE,
        service_workers="block",
        offline=True,
    )
    try:
        visit = Visit(context.new_page())
        visit.page.set_default_timeout(TIMEOUT)
        context.route(lambda url: not url.startswith(INSIDE), lambda route: route.abort())
        context.on("request", lambda request: visit.note(request.url))
        visit.page.on("websocket", lambda socket: visit.note(socket.url))
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        visit.page.on("console", visit.hear)
        visit.page.goto(path.resolve().as_uri(), wait_until="load")
        yield visit
    finally:
        context.close()
