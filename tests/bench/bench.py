"""`make bench`: what a promotion over N stacks takes, and a rebuild of the read model. Writes build/bench.json.

BUS=embedded or BUS=kafka measures one of the two only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from rich.console import Console
from rich.table import Table

BUS = "embedded"
REPEATS = {1: 200, 10: 5, 100: 5, 1_000: 5, 5_000: 5}
"""Per number of stacks, how many promotions are measured. With 1 there are enough for percentiles."""
STEADY_STACKS, STEADY_REPEATS = 1_000, 11
"""For memory: after the first promotion, and after ten more."""
REBUILD_EVENTS = 200_000
ROOT = Path(__file__).resolve().parents[2]


def run(module: str, *arguments: int) -> dict[str, Any]:
    """Run a measurement in a process of its own. Raises CalledProcessError if it fails."""
    command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def circle(stacks: int) -> dict[str, Any]:
    """The figures of promotions over `stacks` stacks."""
    found = run("circle", stacks, REPEATS[stacks])
    seconds = found["seconds"]
    percentiles = quantiles(seconds, n=100) if stacks == 1 else None
    return {
        "bus": BUS,
        "stacks": stacks,
        "seconds": round(median(seconds), 4),
        "jobs_per_second": round(stacks / median(seconds), 1),
        "p50_ms": round(median(seconds) * 1_000, 2) if percentiles else None,
        "p99_ms": round(percentiles[98] * 1_000, 2) if percentiles else None,
        "peak_mib": round(found["peak_mib"], 1),
    }


def steady() -> dict[str, Any]:
    """Memory after one promotion over 1,000 stacks, and after ten more."""
    found = run("circle", STEADY_STACKS, STEADY_REPEATS)
    first, last = found["memory_first_mib"], found["memory_last_mib"]
    return {
        "bus": BUS,
        "memory_after_1_mib": round(first, 1),
        "memory_after_11_mib": round(last, 1),
        "memory_growth_percent": round((last / first - 1) * 100, 1),
    }


def rebuild() -> dict[str, Any]:
    """Events a second while the read model is rebuilt."""
    found = run("rebuild", REBUILD_EVENTS)
    return {"bus": BUS, "rebuild_events_per_second": round(found["events"] / found["seconds"])}


def show(console: Console, rows: list[dict[str, Any]]) -> None:
    """Print rows of the same columns as a table."""
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
    for stacks in REPEATS:
        circles.append(circle(stacks))
        console.print(f"{stacks:,} stacks: {circles[-1]['seconds']} s")
    steadiness, rebuilt = steady(), rebuild()
    for rows in (circles, [steadiness], [rebuilt]):
        show(console, rows)
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps([*circles, steadiness, rebuilt], indent=2) + "\n", encoding="utf-8")
    console.print(f"written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
