"""The documents: what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WRITTEN = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "reference" not in path.parts),
]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
TARGET = re.compile(r"(?:`|^    )make ([a-z-]+)", re.MULTILINE)
"""As code, in a line or as one; not the verb."""
RULE = re.compile(r"^([a-z-]+):", re.MULTILINE)


@pytest.mark.parametrize("document", WRITTEN, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    dead = [link for link in LINK.findall(document.read_text("utf-8")) if not (document.parent / link).exists()]
    assert dead == []


@pytest.mark.parametrize("document", WRITTEN, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    rules = set(RULE.findall((ROOT / "Makefile").read_text("utf-8")))
    assert set(TARGET.findall(document.read_text("utf-8"))) <= rules


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "adr"
    listed = set(LINK.findall((folder / "README.md").read_text("utf-8")))
    assert listed == {path.name for path in folder.glob("0*.md")}


def test_every_decision_says_its_context_the_decision_and_what_follows() -> None:
    parts = ("**Context.**", "**Decision", "**Consequences.**")
    incomplete = [
        path.name
        for path in (ROOT / "docs" / "adr").glob("0*.md")
        if any(part not in path.read_text("utf-8") for part in parts)
    ]
    assert incomplete == []
