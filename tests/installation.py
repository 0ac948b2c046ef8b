"""A whole installation in a folder of its own, used from outside: through `manage.py` in processes of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


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

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end, whatever that is."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, cwd=self.folder)

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
