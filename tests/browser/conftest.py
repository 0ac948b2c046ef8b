"""Everything running, once for all tests in a browser: `manage.py run` with its demo, a broker that can be stopped, Chromium."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, StorageState, ViewportSize, sync_playwright

from tests.browser.person import Person
from tests.browser.places import main_pages
from tests.local_run import LocalRun
from tests.servers.mosquitto import Mosquitto
from tests.servers.processes import wait_until
from tests.traffic import Publisher
from wegnology.local.demo import ADMIN

DESK: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """The whole installation, with the demo."""
    run = LocalRun(tmp_path_factory.mktemp("hub") / "state")
    try:
        run.start()
        yield run
    finally:
        if not run.ended():
            run.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed (Debian package `chromium`); `make test-browser` installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def logged_in(hub: LocalRun, chromium: Browser) -> StorageState:
    """What the browser keeps of a login, made once by hand."""
    context = chromium.new_context()
    Person(context.new_page(), f"http://127.0.0.1:{hub.web}").log_in(ADMIN, hub.password)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def newcomer(hub: LocalRun, chromium: Browser, logged_in: StorageState) -> Iterator[Callable[..., Person]]:
    """A function that brings a person with a browser of their own; options are those of a browser context."""
    people: list[tuple[Person, BrowserContext]] = []

    def come(**options: object) -> Person:
        context = chromium.new_context(**{"viewport": DESK, "storage_state": logged_in, **options})  # type: ignore[arg-type]
        people.append((Person(context.new_page(), f"http://127.0.0.1:{hub.web}"), context))
        return people[-1][0]

    yield come
    complaints = [line for person, _ in people for line in person.complaints]
    for _, context in people:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def places(hub: LocalRun, chromium: Browser, logged_in: StorageState, demo_ran: Path) -> Mapping[str, str]:
    """The addresses of the main pages."""
    context = chromium.new_context(viewport=DESK, storage_state=logged_in)
    found = main_pages(Person(context.new_page(), f"http://127.0.0.1:{hub.web}"))
    context.close()
    return found


@pytest.fixture
def demo_publisher(hub: LocalRun) -> Iterator[Publisher]:
    """A client of the broker of the demo."""
    with Publisher(hub.broker) as publisher:
        yield publisher


@pytest.fixture
def person(newcomer: Callable[..., Person]) -> Person:
    """Somebody at a desk."""
    return newcomer()


@pytest.fixture
def broker() -> Iterator[Mosquitto]:
    """A broker of the test's own."""
    with Mosquitto() as server:
        yield server


@pytest.fixture(scope="session")
def demo_ran(hub: LocalRun) -> Path:
    """Wait until the demo has run."""
    wait_until(lambda: "came out as an alert" in hub.output(), 60, "the demo")
    return hub.place.folder
