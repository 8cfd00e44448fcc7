"""What a real Dokku answered, and whether another answer is the same but for what is another each time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.real.dokku.clients import drop, race
from tests.real.dokku.server import DokkuServer

RECORDED = Path(__file__).resolve().parents[2] / "fixtures" / "dokku" / "transcripts.jsonl"
HEX = re.compile(r"(?<!sha256:)\b[0-9a-f]{7,64}\b")


def recorded() -> Iterator[dict[str, Any]]:
    """Each case, in order: case, command, exit, stdout, stderr. Of inspections only what is compared was kept."""
    yield from map(json.loads, RECORDED.read_text().splitlines())


def replay(server: DokkuServer, case: dict[str, Any]) -> None:
    """Ask the same; where the client went away, or raced, it does so again. Raises AssertionError."""
    name, command = case["case"], case["command"]
    if case["exit"] == -9:
        drop(server, command, "build" if name.endswith("early") else "checks")
    elif name == "from-image-while-another":
        assert_same(case, *race(server, command))
    else:
        done = server.ask(command)
        assert_same(case, done.returncode, done.stdout, done.stderr)


def assert_same(case: dict[str, Any], code: int, out: str, err: str) -> None:
    assert code == case["exit"], case["case"]
    if case["command"].startswith("ps:inspect") and code == 0:
        assert decisive(out) == decisive(case["stdout"]), case["case"]
    else:
        assert comparable(out) == comparable(case["stdout"]), case["case"]
    assert comparable(err) == comparable(case["stderr"]), case["case"]


def decisive(text: str) -> list[dict[str, Any]]:
    """Of an inspection: the state, the name, the image, all labels, and the environment, whose order is by chance."""
    return [
        {
            "name": one["Name"],
            "state": (one["State"]["Status"], one["State"]["Running"]),
            "image": one["Config"]["Image"],
            "labels": one["Config"]["Labels"],
            "env": sorted(one["Config"]["Env"]),
        }
        for one in json.loads(text)
    ]


def comparable(text: str) -> list[str]:
    """Without what is another each time: hashes, times, pids, and what is in the caches of Docker and of git."""
    text = re.sub(r"-----> Pulling image\n(?!Error).*?\nStatus:[^\n]*\n[^\n]*\n", "HAVE\n", text, flags=re.DOTALL)
    text = text.replace("-----> Image exists on host, skipping pull\n", "HAVE\n")
    text = re.sub(r"(git-git-from-directory|scheduler-inspect)\.\w{6}", r"\1.RANDOM", text)
    text = re.sub(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[notice\] \d+#\d+", "NOTICE", text)
    text = re.sub(r"upcoming-\d+", "upcoming-N", HEX.sub("HEX", text))
    text = re.sub(r"HEX  master +-> master", "HEX  master -> master", text)
    passing = re.compile(r" ---> |Removing intermediate|       Attempting to retire|.*origin/master ->")
    lines = [line for line in text.split("\n") if not passing.match(line)]
    checks = [number for number, line in enumerate(lines) if "healthcheck name=" in line or "Healthcheck succ" in line]
    for number, line in zip(checks, sorted(lines[number] for number in checks), strict=True):
        lines[number] = line
    return lines
