"""Writes what follows from the messages: JSON Schemas, AsyncAPI and the reference.

Run it as `python -m ownstack_contracts.generate`. --check: write nothing; exit 1 and name what is stale or superfluous.
--new: also add golden records that are missing; one that is there is never touched.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from ownstack_contracts.documents import asyncapi, reference
from ownstack_contracts.documents.schemas import message_types, schemas
from ownstack_contracts.golden import golden_records

SCHEMAS = Path("contracts/schemas")
GOLDEN = Path("contracts/golden")
ASYNCAPI = Path("contracts/asyncapi.yaml")
REFERENCE = Path("docs/reference/messages.md")


def main(arguments: list[str]) -> int:
    """Write or compare the files below the present folder. Returns the exit code: 1 if something is stale."""
    if "--check" in arguments:
        problems = list(_problems())
        sys.stderr.writelines(f"{problem}\n" for problem in problems)
        return 1 if problems else 0
    for path, text in rendered().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in _superfluous():
        path.unlink()
    if "--new" in arguments:
        _add_golden_records()
    return 0


def rendered() -> dict[Path, str]:
    """Every generated file with its content."""
    return {
        **{SCHEMAS / name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas()},
        ASYNCAPI: _yaml(asyncapi.document()),
        REFERENCE: reference.rendered(),
    }


def _yaml(document: object) -> str:
    import yaml  # noqa: PLC0415 - of the dev group: only who generates needs it

    return str(yaml.dump(document, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=120))


def _dumper() -> type:
    import yaml  # noqa: PLC0415 - as above

    class Plain(yaml.SafeDumper):
        """Without anchors: each part is written where it stands."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the signature of PyYAML
            return True

    return Plain


def _problems() -> Iterator[str]:
    for path, text in rendered().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield f"{path} is stale; run: make generate"
    for path in _superfluous():
        yield f"{path} is superfluous; run: make generate"
    for name, _ in golden_records():
        if not (GOLDEN / name).is_file():
            yield f"{GOLDEN / name} is missing; run: python -m ownstack_contracts.generate --new"


def _superfluous() -> list[Path]:
    """Schemas of no message. Those of earlier versions stay: records of theirs are in the history."""
    wanted = set(rendered())
    return [path for path in sorted(SCHEMAS.glob("*")) if path not in wanted and not _is_earlier_version(path)]


def _is_earlier_version(path: Path) -> bool:
    name, _, version = path.stem.rpartition(".")
    kind = message_types().get(name)
    return kind is not None and version.isascii() and version.isdigit() and 1 <= int(version) < kind.version


def _add_golden_records() -> None:
    for name, value in golden_records():
        path = GOLDEN / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
