"""What the pages tell people to type is safe where others work, too."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs" / "howto").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_has_people_work_in_a_folder_that_anybody_could_have_made(page: Path) -> None:
    assert "/tmp/" not in page.read_text(encoding="utf-8")
