"""`make bench`: what a promotion over N stacks takes, and a rebuild of the read model. Writes build/bench.json.

`make bench BUS=embedded` or `BUS=kafka` measures one of the two only; `FLOOR="python path/of/it.py"` measures that,
too, and says the ratio (tests/bench/floor.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.table import Table
from tests.bench import distributed
from tests.bench.floor import seconds_by_stacks
from tests.real.kafka import kafka
from tests.real.postgres import database

BUSES = (os.environ.get("OWNSTACK_BENCH_BUS") or "embedded kafka").split()
REPEATS = {1: 200, 10: 5, 100: 5, 1_000: 5, 5_000: 5}
"""Per number of stacks, how many promotions are measured. With 1 there are enough for percentiles."""
STEADY_STACKS, STEADY_REPEATS = 1_000, 11
"""For memory: after the first promotion, and after ten more."""
REBUILD_EVENTS = 200_000
TAKEOVERS = 5
ROOT = Path(__file__).resolve().parents[2]

Row = dict[str, Any]


def run(module: str, *arguments: object, env: dict[str, str] | None = None) -> Row:
    """Run a measurement in a process of its own. Raises CalledProcessError if it fails."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    )
    found: Row = json.loads(done.stdout)
    return found


@contextmanager
def servers(bus: str) -> Iterator[dict[str, str]]:
    """What a measurement on this bus is told: of Kafka, and of a database of its own."""
    if bus == "embedded":
        yield {}
        return
    with database() as url:
        yield {distributed.KAFKA: kafka(), distributed.POSTGRES: url, "OWNSTACK_TEST_KAFKA": kafka()}


def circle(bus: str, stacks: int) -> Row:
    """The figures of promotions over `stacks` stacks."""
    with servers(bus) as env:
        found = run("circle", bus, stacks, REPEATS[stacks], env=env)
    seconds = found["seconds"]
    percentiles = quantiles(seconds, n=100) if stacks == 1 else None
    return {
        "bus": bus,
        "stacks": stacks,
        "seconds": round(median(seconds), 4),
        "jobs_per_second": round(stacks / median(seconds), 1),
        "p50_ms": round(median(seconds) * 1_000, 2) if percentiles else None,
        "p99_ms": round(percentiles[98] * 1_000, 2) if percentiles else None,
        "peak_mib": round(found["peak_mib"], 1) if bus == "embedded" else None,
    }


def steady() -> Row:
    """Memory after one promotion over 1,000 stacks, and after ten more."""
    found = run("circle", "embedded", STEADY_STACKS, STEADY_REPEATS)
    first, last = found["memory_first_mib"], found["memory_last_mib"]
    return {
        "bus": "embedded",
        "memory_after_1_mib": round(first, 1),
        "memory_after_11_mib": round(last, 1),
        "memory_growth_percent": round((last / first - 1) * 100, 1),
    }


def rebuild(bus: str) -> Row:
    """Events a second while the read model is rebuilt."""
    with servers(bus) as env:
        found = run("rebuild", REBUILD_EVENTS, *([env[distributed.POSTGRES]] if env else []))
    return {"bus": bus, "rebuild_events_per_second": round(found["events"] / found["seconds"])}


def takeover() -> Row:
    """How long partitions stand still when a promoter is killed."""
    with servers("kafka") as env:
        seconds = run("takeover", TAKEOVERS, env=env)["seconds"]
    return {
        "bus": "kafka",
        "takeover_median_seconds": round(median(seconds), 2),
        "takeover_longest_seconds": round(max(seconds), 2),
    }


def ratios(circles: list[Row]) -> list[Row]:
    """How many times the floor's a promotion on Kafka takes, where the floor was measured."""
    floor = seconds_by_stacks() if "kafka" in BUSES else {}
    return [
        {
            "stacks": row["stacks"],
            "seconds": row["seconds"],
            "floor_seconds": floor[row["stacks"]],
            "ratio": round(row["seconds"] / floor[row["stacks"]], 2),
        }
        for row in circles
        if row["bus"] == "kafka" and row["stacks"] in floor
    ]


def show(console: Console, rows: list[Row]) -> None:
    """Print rows of the same columns as a table."""
    if not rows:
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console.print(table)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:,}"


def main() -> None:
    """Measure, print, write."""
    console = Console()
    circles = []
    for bus in BUSES:
        for stacks in REPEATS:
            circles.append(circle(bus, stacks))
            console.print(f"{bus}, {stacks:,} stacks: {circles[-1]['seconds']} s")
    tables = [
        circles,
        [rebuild(bus) for bus in BUSES],
        [steady()] if "embedded" in BUSES else [],
        [takeover()] if "kafka" in BUSES else [],
        ratios(circles),
    ]
    for rows in tables:
        show(console, rows)
    if not tables[-1]:
        console.print("no floor was measured: FLOOR=… names none")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps([row for rows in tables for row in rows], indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
