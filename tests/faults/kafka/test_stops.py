"""Promotions while promoters and deployers stand still for longer than their session and their leases, then go on.

Each deployer has locks of its own, as if on a machine of its own: nothing but the leases keeps them apart.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.faults.kafka.house import House, open_house, speaking

STOPS = int(os.environ.get("OWNSTACK_FAULT_STOPS", "20"))
SESSION, LEASE = 6.0, 5
"""Seconds; shorter than usual, so that a stop need not take long."""
LONGER = (SESSION + 1.0, SESSION + 5.0)
"""For how many seconds one stands still: its partitions have gone to others by then, and its leases have lapsed."""
BETWEEN = (2.0, 6.0)
"""Seconds until the next one stands still."""
STOPPED = ("promoter-1", "promoter-2", "deployer-1", "deployer-2", "deployer-3")
SETTINGS = {
    "OWNSTACK_KAFKA_SESSION_TIMEOUT": str(SESSION),
    "OWNSTACK_PROMOTER_LEASE": str(LEASE),
    "OWNSTACK_DEPLOYER_CLAIM_EVERY": "2",
}


@pytest.mark.timeout(STOPS * (LONGER[1] + BETWEEN[1]) + 600)
async def test_who_comes_back_after_its_session_and_leases_does_no_harm(seed: int, tmp_path: Path) -> None:
    own_locks = {"OWNSTACK_DEPLOYER_STATE": str(tmp_path / "locks-{name}")}
    async with open_house(tmp_path, seed, env=SETTINGS | own_locks) as house:
        async with speaking(house):
            for _ in range(STOPS):
                await _stand_still(house)
        await house.judge(await house.drained())
        assert house.deeds.count("paused") == house.deeds.count("resumed") == STOPS


async def _stand_still(house: House) -> None:
    """One of them, for too long; the others take over meanwhile."""
    name = house.chance.choice(STOPPED)
    house.services.pause(name)
    await asyncio.sleep(house.chance.uniform(*LONGER))
    house.services.resume(name)
    await asyncio.sleep(house.chance.uniform(*BETWEEN))
