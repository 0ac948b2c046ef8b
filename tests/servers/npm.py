"""Packages of npm for tests that ask another maker's client: installed once into a folder that git does not see."""

import shutil
import subprocess
from pathlib import Path

import pytest

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "npm"


def installed(package: str, version: str) -> Path:
    """Return the folder whose `node_modules` holds the package; skips the test where that cannot be had."""
    folder = CACHE / f"{package.replace('/', '-')}-{version}"
    if not shutil.which("node"):
        pytest.skip("Node.js is not installed (Debian package `nodejs`)")
    if (folder / "node_modules" / package / "package.json").exists():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"npm is needed to install {package} (Debian package `npm`)")
    folder.mkdir(parents=True, exist_ok=True)
    (CACHE.parent / ".gitignore").write_text("*\n")
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--omit=dev", f"{package}@{version}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, timeout=100)
    if done.returncode:
        pytest.skip(f"npm could not install {package}: {done.stderr.strip()[-300:]}")
    return folder
