"""Makes secrets that are not there yet: `make_secret.py FILE…`. One that is there stays as it is.

Each is 43 letters and digits: 32 random bytes in base64, which is what a secret key has to be, too. Its owner and its
group can read it, nobody else.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

READABLE = 0o440
BYTES = 32


def make(path: Path) -> bool:
    """Make the secret `path`, whole or not at all; returns whether it was missing."""
    if path.exists():
        return False
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, READABLE)
    try:
        os.fchmod(descriptor, READABLE)
        os.write(descriptor, secrets.token_urlsafe(BYTES).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(fresh, path)  # whoever was first wins, should two begin at once
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
    return True


def main(arguments: list[str]) -> int:
    if not arguments:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    for name in arguments:
        made = make(Path(name))
        sys.stdout.write(f"{name}: {'made' if made else 'is there already'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
