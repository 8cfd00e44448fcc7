"""A package index on this machine for image builds: the wheels that uv.lock and docker/build.txt name, and no others.

Builds reach it through this machine's network (`--network host`), and check each wheel against its hash as always.
"""

from __future__ import annotations

import hashlib
import html
import platform
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.containers.bases import run

ROOT = Path(__file__).resolve().parents[2]
UV = str(ROOT / "tools" / "uv")
PYTHON = "3.13"
"""As in the images."""
GLIBCS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_12", "manylinux2010", "manylinux_2_5")
PIP = "25.3"


def index(folder: Path) -> Path:
    """A static index (PEP 503) below `folder`, kept as long as uv.lock and docker/build.txt stay as they are."""
    locks = (ROOT / "uv.lock", ROOT / "docker" / "build.txt")
    mark = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()[:16]
    made = folder / f"index-{mark}"
    if not made.exists():
        for older in folder.glob("index-*"):
            shutil.rmtree(older)
        _download(folder / "index-new", locks[1])
        (folder / "index-new").rename(made)
    return made


def _download(index: Path, build: Path) -> None:
    wheels = index / "wheels"
    wheels.mkdir(parents=True)
    wanted = index / "wanted.txt"
    run(UV, "export", "--quiet", "--frozen", "--all-extras", "--no-dev", "--no-emit-project", "--project", str(ROOT),
        "--output-file", str(wanted))  # fmt: skip
    platforms = [word for libc in GLIBCS for word in ("--platform", f"{libc}_{platform.machine()}")]
    for requirements in (wanted, build):
        run(UV, "tool", "run", "--from", f"pip=={PIP}", "pip", "download", "--quiet", "--require-hashes", "--no-deps",
            "--only-binary", ":all:", "--python-version", PYTHON, *platforms, "--dest", str(wheels),
            "--requirement", str(requirements))  # fmt: skip
    for wheel in wheels.glob("*.whl"):
        _list(index / "simple" / re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower(), wheel.name)


def _list(page: Path, wheel: str) -> None:
    page.mkdir(parents=True, exist_ok=True)
    with (page / "index.html").open("a", encoding="utf-8") as file:
        file.write(f'<a href="../../wheels/{html.escape(wheel)}">{html.escape(wheel)}</a>\n')


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of what is asked for."""

    def log_message(self, format: str, *args: object) -> None:
        """Builds say what they download."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL under which the static index in `folder` is reached from this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/simple"
        finally:
            server.shutdown()
