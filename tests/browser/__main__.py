"""Takes the pictures of `docs/images` anew, from an installation of its own with the demo: `make screenshots`."""

import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from playwright.sync_api import sync_playwright

from tests.browser.person import Person
from tests.local_run import LocalRun
from tests.servers.mosquitto import Mosquitto

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
ADMIN = "admin@example.com"


def main() -> int:
    """Start everything, play the scenes, write one picture of each."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")
    django.setup()
    from tests.browser.scenes import SCENES

    path = shutil.which("chromium")
    if path is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="screenshots-")))
        run = LocalRun(folder / "state")
        run.start()
        stack.callback(run.stop)
        broker = stack.enter_context(Mosquitto())
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        )
        stack.callback(browser.close)
        page = browser.new_context(viewport=SIZE, color_scheme="light", timezone_id="UTC").new_page()  # type: ignore[arg-type]
        person = Person(page, f"http://127.0.0.1:{run.web}")
        person.log_in(ADMIN, run.password)
        for name, scene in SCENES.items():
            scene(person, broker)
            _take(person, FOLDER / f"{name}.png")
    return 0


def _take(person: Person, path: Path) -> None:
    """Write what can be seen, with few colours: half as large, and nobody sees it."""
    person.page.evaluate("document.fonts.ready")
    person.page.mouse.move(0, 0)
    person.page.screenshot(path=path, animations="disabled", caret="hide")
    sys.stdout.write(f"{path.name} {path.stat().st_size // 1024} KiB\n")


if __name__ == "__main__":
    sys.exit(main())
