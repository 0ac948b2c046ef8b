"""A whole installation in a folder of its own, used from outside: through `manage.py` in processes of its own."""

import os
from pathlib import Path
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

from tests.warm import ROOT, Program, WarmProcess

__all__ = ["ROOT", "Installation"]


class Installation:
    """State folder, database and Redis prefix; `settings` adds or replaces environment variables."""

    def __init__(self, folder: Path, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = (
            kept | {"WEGNOLOGY_ENV": "development", "WEGNOLOGY_STATE_DIR": str(folder), "DATABASE_URL": ""} | settings
        )
        if not self.environment["DATABASE_URL"]:
            del self.environment["DATABASE_URL"]

    def manage(self, *arguments: str) -> CompletedProcess[str]:
        """Run a management command to its end, whatever that is."""
        with TemporaryDirectory() as folder:
            printed, errors = Path(folder) / "output", Path(folder) / "errors"
            program = Program("manage", arguments, self.environment, self.folder, printed, errors)
            status = WarmProcess(program).wait()
            return CompletedProcess(arguments, status, printed.read_text(), errors.read_text())

    def done(self, *arguments: str) -> str:
        """Run a management command that must succeed; returns what it printed."""
        result = self.manage(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def refused(self, *arguments: str) -> str:
        """Run a management command that must be refused; returns the reason."""
        result = self.manage(*arguments)
        assert result.returncode == 1, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        return result.stderr

    def python(self, code: str) -> str:
        """Run code with Django set up; returns what it printed."""
        return self.done("shell", "--no-imports", "-c", code)
