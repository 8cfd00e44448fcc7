"""A deployer on a bus does image jobs on a real registry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.registry.pictures import ALL, pushed
from tests.real.registry import Registry

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import Outgoing
from ownstack_contracts.catalog import deploys_key
from ownstack_contracts.envelope import decode, encode
from ownstack_contracts.images import ImageJob, ImageReport, ImageResolveRequested, ImageRetagRequested
from ownstack_contracts.topics import DEPLOYS, REPORTS
from ownstack_deployer.main import Deployer
from ownstack_deployer.registry.manifests import OCI_INDEX
from ownstack_deployer.settings import Settings

TEAM = "acme"
PATIENCE = 20.0


class House:
    """A bus, with as many deployers as a test starts."""

    def __init__(self, bus: EmbeddedBus, folder: Path) -> None:
        self._bus = bus
        self._folder = folder
        self.running: list[asyncio.Task[None]] = []

    def deployer(self, plain: str = "127.0.0.1") -> Deployer:
        """Start one. plain: registries that it speaks to without TLS."""
        settings = Settings(name="d1", state=self._folder / "state", docker_config=None, registries_plain=plain)
        deployer = Deployer(self._bus, settings)
        self.running.append(asyncio.create_task(deployer.run()))
        return deployer

    async def asks(self, job: ImageJob) -> None:
        """As the promoter does."""
        value = encode(job, source="/promoter", team=TEAM, id=job.job)
        await self._bus.publish([Outgoing(DEPLOYS.name, deploys_key(TEAM, job), value)])

    async def hears(self, *types: str) -> list[Any]:
        """All reports, once the last of them are of these types."""
        reports: list[Any] = []

        async def heard() -> bool:
            partition = partition_of(TEAM, await self._bus.partitions(REPORTS.name))
            reports[:] = [
                message
                async for record in self._bus.read(REPORTS.name, partition)
                if isinstance(message := decode(REPORTS.name, record.value).message, ImageReport)
            ]
            return [report.type_name() for report in reports][-len(types) :] == list(types) if types else True

        async with asyncio.timeout(PATIENCE):
            while not await heard():
                await asyncio.sleep(0.01)
        return reports


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for pause in ("FIRST_PAUSE", "LAST_PAUSE"):
        monkeypatch.setattr(f"ownstack_deployer.images.{pause}", 0.02)
    bus = await EmbeddedBus.open(tmp_path / "bus.db")
    found = House(bus, tmp_path)
    yield found
    for task in found.running:
        task.cancel()
    await asyncio.gather(*found.running, return_exceptions=True)
    await bus.close()


def resolving(reference: str, missing_for: float = 600) -> ImageResolveRequested:
    return ImageResolveRequested(
        **_job("r1#image"), reference=reference, missing_until=int((time.time() + missing_for) * 1_000)
    )


def _job(job: str) -> dict[str, Any]:
    until = int((time.time() + 1_200) * 1_000)
    return {"job": job, "app": "shop", "app_id": "shop.1", "rollout": "r1", "waiting_until": until}


async def test_an_image_that_is_pushed_later_is_found(house: House, registry: Registry) -> None:
    house.deployer()
    await house.asks(resolving(f"{registry.host}/shop:soon"))
    await house.hears("ImageAwaited")
    picture = pushed(registry, "shop", OCI_INDEX, "soon")
    reports = await house.hears("ImageAwaited", "ImageResolved")
    assert reports[-1].image == f"{registry.host}/shop:soon@{picture.digest}"


async def test_an_image_that_never_comes_is_told_in_the_end(house: House, registry: Registry) -> None:
    house.deployer()
    await house.asks(resolving(f"{registry.host}/shop:never", missing_for=1))
    reports = await house.hears("ImageNotResolved")
    assert reports[-1].code == "image-missing"
    assert f"{registry.host} has no shop:never" in reports[-1].message


async def test_a_registry_without_tls_is_told_though_the_image_could_be_waited_for(
    house: House, registry: Registry
) -> None:
    house.deployer(plain="")
    await house.asks(resolving(f"{registry.host}/shop:plain", missing_for=600))
    reports = await house.hears("ImageNotResolved")
    assert reports[-1].code == "registry-not-tls"


async def test_an_image_gets_the_tag_of_its_release(house: House, registry: Registry) -> None:
    house.deployer()
    picture = pushed(registry, "shop", OCI_INDEX)
    image = f"{registry.host}/shop@{picture.digest}"
    job = ImageRetagRequested(**_job("r2#image"), release=7, image=image, tag="shop-v7", repository=None)
    await house.asks(job)
    assert (await house.hears("ImageRetagged"))[-1].image == f"{registry.host}/shop:shop-v7@{picture.digest}"
    assert registry.content("shop", "shop-v7", ALL) == picture.content


async def test_one_that_waits_does_not_keep_the_deployer_and_is_left_to_the_next(
    house: House, registry: Registry
) -> None:
    first = house.deployer()
    await house.asks(resolving(f"{registry.host}/shop:handed-over"))
    await house.hears("ImageAwaited")
    async with asyncio.timeout(PATIENCE):
        await first.drain()
        await house.running[0]
    picture = pushed(registry, "shop", OCI_INDEX, "handed-over")
    assert [type(report).__name__ for report in await house.hears()] == ["ImageAwaited"]

    house.deployer()
    assert (await house.hears("ImageResolved"))[-1].image.endswith(picture.digest)
