"""Socket.IO on Node, a peer of the fan-out benchmark where Node is installed; kept out of the repository."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bench.machine import ROOT

VERSION = "4.8.4"
FOLDER = ROOT / "bench" / "out" / "socket_io"
PROGRAM = Path(__file__).with_name("socket_io.mjs")
INSTALL_SECONDS = 120


def install() -> str:
    """Have npm bring Socket.IO into FOLDER, if it is not there. Returns why that can't be, else nothing."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        return "node and npm are not installed"
    if _installed_version() == VERSION:
        return ""
    FOLDER.mkdir(parents=True, exist_ok=True)
    options = ["--prefix", str(FOLDER), "--no-save", "--no-package-lock", "--no-audit", "--no-fund"]
    try:
        subprocess.run(
            [npm, "install", *options, f"socket.io@{VERSION}"],
            cwd=FOLDER,
            check=True,
            capture_output=True,
            timeout=INSTALL_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"npm could not install it ({type(error).__name__})"
    return ""


def command(message_bytes: int) -> Callable[[int], list[str]]:
    """The command that serves on a given port."""
    return lambda port: ["node", str(PROGRAM), str(port), str(FOLDER), str(message_bytes)]


def _installed_version() -> str:
    try:
        return str(json.loads((FOLDER / "node_modules" / "socket.io" / "package.json").read_text())["version"])
    except (OSError, ValueError, KeyError):
        return ""
