"""What a group has committed: a coordinator that is loading, or is none any more, does not say that it is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, GroupLoadInProgressError, NotCoordinatorForGroupError

from ownstack_bus.kafka import group
from ownstack_bus.kafka.group import Group

PLACE, OTHER = TopicPartition("deploys", 3), TopicPartition("deploys", 4)
WHOLE = ("deploys", [(3, 7, "b!", 0), (4, group.NONE, "", 0)])


class Coordinator:
    """Answers one after another: an error of the group, and what it says of partitions."""

    def __init__(self, *answers: tuple[int, Sequence[Any]]) -> None:
        self.answers = list(answers)
        self.dead = 0

    async def ensure_coordinator_known(self) -> None:
        """It always is."""

    def coordinator_dead(self) -> None:
        self.dead += 1

    async def _send_req(self, request: Any) -> Any:
        code, topics = self.answers.pop(0)
        return SimpleNamespace(error_code=code, topics=topics)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "RETRY_S", 0)


def of(coordinator: Coordinator) -> Group:
    consumer: Any = SimpleNamespace(_coordinator=coordinator)
    return Group(consumer, "ownstack.deployer")


async def test_what_was_committed_is_told_and_of_what_nothing_was() -> None:
    found = await of(Coordinator((0, [WHOLE]))).committed([PLACE, OTHER])
    assert found == {PLACE: (7, "b!"), OTHER: None}


@pytest.mark.parametrize(
    ("error", "dead"), [(GroupLoadInProgressError, 0), (NotCoordinatorForGroupError, 1)], ids=["loading", "moved"]
)
async def test_an_error_of_the_group_is_no_answer(error: type[Any], dead: int) -> None:
    coordinator = Coordinator((error.errno, []), (0, [WHOLE]))
    assert (await of(coordinator).committed([PLACE, OTHER]))[PLACE] == (7, "b!")
    assert coordinator.dead == dead


async def test_an_answer_that_lacks_a_partition_is_none() -> None:
    coordinator = Coordinator((0, []), (0, [WHOLE]))
    assert (await of(coordinator).committed([PLACE, OTHER]))[PLACE] == (7, "b!")


async def test_what_is_not_allowed_is_not_asked_again() -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await of(Coordinator((GroupAuthorizationFailedError.errno, []))).committed([PLACE])
