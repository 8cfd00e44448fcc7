"""The reference of the command line, as it is checked in."""

from __future__ import annotations

from pathlib import Path

from ownstack.reference import TARGET, rendered

ROOT = Path(__file__).resolve().parents[3]


def test_the_reference_is_fresh() -> None:
    assert (ROOT / TARGET).read_text(encoding="utf-8") == rendered()


def test_every_command_of_the_design_is_there() -> None:
    wanted = """up, demo, login, token add, token list, token revoke, stack add, stack list, stack info, stack remove,
        app create, app list, app info, app add-stack, app remove-stack, app settings, app destroy, deploy, retry,
        app pipeline create, app pipeline add-staging, app pipeline remove-stage, app pipeline remove,
        app pipeline promote, app pipeline info, promotion list, promotion info, promotion cancel, release list, logs,
        history, dead-letter list, dead-letter show, dead-letter resend"""
    text = rendered()
    missing = [name for name in (n.strip() for n in wanted.split(",")) if f"\n## ownstack {name}\n" not in text]
    assert missing == []
