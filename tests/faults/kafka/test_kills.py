"""Promotions while anybody is killed at any moment, with `kill -9`, for OWNSTACK_FAULT_MINUTES (10)."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.faults.kafka.house import open_house, speaking
from tests.faults.kafka.services import FLEET

MINUTES = float(os.environ.get("OWNSTACK_FAULT_MINUTES", "10"))
PAUSE = (2.0, 8.0)
"""Seconds between two kills."""


@pytest.mark.timeout(MINUTES * 60 + 600)
async def test_nothing_is_lost_or_done_twice_while_anybody_is_killed(seed: int, tmp_path: Path) -> None:
    async with open_house(tmp_path, seed) as house:
        async with speaking(house):
            end = time.monotonic() + MINUTES * 60
            while time.monotonic() < end:
                await asyncio.sleep(house.chance.uniform(*PAUSE))
                house.services.kill(house.chance.choice(FLEET))
        await house.judge(await house.drained())
