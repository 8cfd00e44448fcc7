"""The shop's release task: brings the database up to date, before the new version starts.

Two files make it behave as databases do: while `DATA/locked` is there it waits, and with `DATA/read-only` it fails.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

DATA = Path(os.environ["DATA"])
LOG = DATA / "migrations.log"


def main() -> int:
    done = LOG.read_text(encoding="utf-8").splitlines() if LOG.is_file() else []
    due = [m.stem for m in sorted(Path("migrations").glob("*.sql")) if m.stem not in done]
    while (DATA / "locked").exists():
        time.sleep(0.02)
    if due and (DATA / "read-only").exists():
        sys.stdout.write(f"{due[0]}: the database is read-only\n")
        return 1
    for migration in due:
        with LOG.open("a", encoding="utf-8") as log:
            log.write(f"{migration}\n")
        sys.stdout.write(f"{migration}: applied\n")
    if not due:
        sys.stdout.write("the database is up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
