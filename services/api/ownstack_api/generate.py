"""Writes docs/reference/openapi.json from the routes (`python -m ownstack_api.generate`), or checks it is fresh."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ownstack_api.app import routes_only
from ownstack_api.openapi import document

TARGET = Path("docs/reference/openapi.json")


def main(arguments: list[str]) -> int:
    """Write the file below the present folder; with `--check` only compare. Returns the exit code: 1 if it is stale."""
    text = rendered()
    if "--check" not in arguments:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{TARGET} is stale; run: make generate\n")
    return 1


def rendered() -> str:
    """The OpenAPI document as it is checked in."""
    return json.dumps(document(routes_only()), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
