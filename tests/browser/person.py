"""A person at a browser: goes to pages, and notices whatever the browser complains about."""

import re
from collections.abc import Callable

from playwright.sync_api import ConsoleMessage, Locator, Page, Response, expect

from tests.servers.processes import wait_until

PATIENCE_MS = 40_000
"""How long something may take that happens in the hub; pages follow it by themselves."""
expect.set_options(timeout=PATIENCE_MS)  # a machine may be busy with other things


class Person:
    """Somebody who is logged in. `complaints` is what the browser said: errors of scripts, refused loads, failed answers."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.set_default_navigation_timeout(PATIENCE_MS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        if message.location["url"].endswith("/favicon.ico"):
            return  # asked for by the browser itself, when a page is left before its head was read
        if message.type == "error" or "Content Security Policy" in message.text:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.url} answered {response.status}")

    def log_in(self, name: str, password: str) -> None:
        """Come in by the login page."""
        self.go("/admin/login/")
        self.page.get_by_label(re.compile("User name")).fill(name)
        self.page.get_by_label(re.compile("Password")).fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(lambda address: "login" not in address)

    def go(self, path: str) -> None:
        """Open a page."""
        answer = self.page.goto(f"{self.base}{path}")
        assert answer is not None
        assert answer.status == 200, f"{path} answered {answer.status}"

    def menu(self, name: str) -> None:
        """Open a page of the menu."""
        self.page.get_by_role("navigation", name="Menu").get_by_role("link", name=name).click()

    def save(self) -> None:
        """Save a form of the admin."""
        self.page.get_by_role("button", name="Save", exact=True).click()

    def field(self, name: str) -> Locator:
        """Return the field of a form by its name in it."""
        return self.page.locator(f'[name="{name}"]').first

    def sees(self, text: str | re.Pattern[str], within: Locator | None = None) -> None:
        """Wait until a text can be seen."""
        expect((within or self.page.locator("body")).get_by_text(text).first).to_be_visible(timeout=PATIENCE_MS)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Load the page again and again until it is so."""
        for _ in range(60):
            if condition():
                return
            self.page.wait_for_timeout(500)
            self.page.reload()
        raise AssertionError(f"{what} did not come about on {self.page.url}")

    def holds(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something outside of the browser is so."""
        wait_until(condition, PATIENCE_MS / 1000, what)

    def wider_than_the_window(self) -> int:
        """Return by how many pixels the page can be scrolled sideways."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return found
