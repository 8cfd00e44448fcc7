"""Images of the examples: folders of files, named by the digest of what is in them. `build` makes one.

    python images.py build SOURCE VERSION STORE     prints NAME@sha256:…

SOURCE's files, its version, and the migrations up to that version.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path


def build(source: Path, version: int, store: Path) -> str:
    """Make the image of a version; returns its reference. The same files always have the same digest."""
    store.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=store, prefix=".build-"))
    try:
        for file in sorted(source.rglob("*")):
            if file.is_file() and file.suffix in (".py", ".sql", ".html") and _belongs(file, version):
                target = made / file.relative_to(source)
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(file, target)
        (made / "VERSION").write_text(f"{version}\n", encoding="utf-8")
        digest = digest_of(made)
        target = path_of(store, digest)
        if not target.exists():
            made.rename(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return f"{source.name}@{digest}"


def _belongs(file: Path, version: int) -> bool:
    return file.parent.name != "migrations" or int(file.name.partition("-")[0]) <= version


def digest_of(folder: Path) -> str:
    """SHA-256 over the names of all files and the SHA-256 of each."""
    whole = hashlib.sha256()
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{file.relative_to(folder).as_posix()}\0{content}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def path_of(store: Path, digest: str) -> Path:
    """Where the image with this digest lies, if it is there."""
    return store / digest.replace(":", "-")


def main(arguments: list[str]) -> int:
    if len(arguments) != 4 or arguments[0] != "build" or not arguments[2].isdigit():
        sys.stderr.write(f"{__doc__}\n")
        return 2
    sys.stdout.write(build(Path(arguments[1]), int(arguments[2]), Path(arguments[3])) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
