"""The demo, as somebody sees it who has just cloned this: without a terminal it ends by itself, all right."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ownstack.story import REGULARS, VISITORS

DEMO = [sys.executable, "-m", "ownstack.main", "demo"]


def test_the_demo_tells_its_story_and_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "mine")}
    demo = subprocess.run(
        DEMO, capture_output=True, text=True, env=environment, check=False, stdin=subprocess.DEVNULL, timeout=110
    )
    assert (demo.returncode, "WRONG" in demo.stdout) == (0, False), demo
    assert re.findall(r"(\S+) +\{\"app\": \"shop\", \"version\": (\d).*\"greeting\": \"(.*?)\"", demo.stdout) == [
        *(("eu-1", "1", VISITORS), ("us-1", "1", VISITORS), ("ap-1", "1", VISITORS)),
        *(("eu-1", "1", REGULARS), ("us-1", "1", REGULARS), ("ap-1", "1", REGULARS)),
        *(("eu-1", "3", REGULARS), ("us-1", "1", REGULARS), ("ap-1", "3", REGULARS)),
        *(("eu-1", "3", REGULARS), ("us-1", "3", REGULARS), ("ap-1", "3", REGULARS)),
    ]
    assert re.findall(r"^differs +(\S+) *$", demo.stdout, re.MULTILINE) == ["GREETING"]
    assert len(re.findall(r"^  XDG_CONFIG_HOME=\S+ .* (app info|promotion list|logs)", demo.stdout, re.MULTILINE)) == 3
    assert [path.name for path in tmp_path.iterdir()] == []
    for url in set(re.findall(r"http://127\.0\.0\.1:\d+", demo.stdout)):
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, trust_env=False)


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    demo = subprocess.run([*DEMO, "--data", str(tmp_path)], capture_output=True, text=True, check=False)
    assert (demo.returncode, "is not empty" in demo.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
