"""When this process has no more descriptors: a job waits for some, until its deadline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
from collections.abc import Iterator

import pytest
from tests.integration.deployer.programs import Stage, job

from ownstack_deployer.drivers.port import PhaseFailed, Place


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """Use up all descriptors that this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    last = os.dup(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (last + 20, hard))
    taken = [last]
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def turns() -> None:
    """Let the others come to where they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_lock_that_cannot_be_opened_for_lack_of_descriptors_is_waited_for(stage: Stage) -> None:
    stage.folder.script("echo ran")
    with no_descriptors():
        running = asyncio.create_task(stage.restart())
        await turns()
        assert not running.done()
    assert await running == ["ran"]


async def test_a_program_that_cannot_be_started_for_lack_of_descriptors_is_started_later(stage: Stage) -> None:
    stage.folder.script("echo ran")

    async def act(place: Place) -> None:
        with no_descriptors():
            running = asyncio.create_task(place.restart(stage.log))
            await turns()
            assert not running.done()
        await running

    await stage.with_place(act)
    assert stage.log.lines == ["ran"]


async def test_past_its_deadline_a_job_waits_for_descriptors_no_longer(stage: Stage) -> None:
    stage.folder.script("echo ran")
    with no_descriptors(), pytest.raises(PhaseFailed, match="Too many open files") as failed:
        await stage.restart(seconds=0)
    assert failed.value.code == "state-unusable"
    async with stage.driver.hold(job(stage.folder.program, seconds=0)) as place:
        with no_descriptors(), pytest.raises(PhaseFailed, match="Too many open files") as failed:
            await place.restart(stage.log)
    assert failed.value.code == "program-not-started"
    assert stage.log.lines == []


async def test_waiting_for_descriptors_may_be_cancelled(stage: Stage) -> None:
    stage.folder.script("echo ran")
    with no_descriptors():
        running = asyncio.create_task(stage.restart())
        await turns()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
