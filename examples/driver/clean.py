"""Ends every server and every front in a stacks' folder: `python clean.py HOME`."""

from __future__ import annotations

import sys
from pathlib import Path

import servers


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    home = Path(arguments[0])
    folders = [place / kind for place in home.glob("*/*/") for kind in ("servers", "fronts")]
    servers.stop([record for folder in folders for record in servers.all_records(folder)])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
