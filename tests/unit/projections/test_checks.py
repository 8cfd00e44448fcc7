"""What is shown of stacks: as they were added and changed, and what their latest check found."""

from __future__ import annotations

from tests.bench.histories import Chronicle
from tests.unit.projections.house import House

from ownstack_contracts.jobs import StackCheckRequested
from ownstack_contracts.message import Message
from ownstack_contracts.reports import StackChecked
from ownstack_contracts.stacks import CheckRequested, StackAdded, StackChanged, StackRemoved
from ownstack_readmodel.views import StackView

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN6gQxBsl0T9Tz8pXh6oOq1hNf2nq7l0vVwJt3mYcK5d"


async def stack_of(house: House, chronicle: Chronicle, name: str = "eu-1") -> StackView:
    await house.take(chronicle.records)
    view = await house.readmodel.stack("acme", name)
    assert view is not None
    return view


def check_in(facts: list[Message]) -> StackCheckRequested:
    return next(fact for fact in facts if isinstance(fact, StackCheckRequested))


async def test_of_a_stack_changes_what_is_given_and_an_empty_setting_is_gone(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(StackAdded(stack="us-1", driver="noop", address="a", settings={"port": "1", "host": "x"}))
    chronicle.say(StackChanged(stack="us-1", settings={"port": "", "color": "red", "host": "y"}))
    view = await stack_of(house, chronicle, "us-1")
    assert (view.address, view.settings) == ("a", {"host": "y", "color": "red"})
    chronicle.say(StackChanged(stack="us-1", address="b"))
    view = await stack_of(house, chronicle, "us-1")
    assert (view.address, view.settings) == ("b", {"host": "y", "color": "red"})


async def test_a_stack_shows_what_its_latest_check_found(house: House, chronicle: Chronicle) -> None:
    assert (await stack_of(house, chronicle)).check is None
    asked = check_in(chronicle.say(CheckRequested(stack="eu-1"), id="first"))
    assert (await stack_of(house, chronicle)).check is None
    chronicle.say(
        StackChecked(
            job=asked.job,
            stack="eu-1",
            deployer="d1",
            code="key-refused",
            message="It does not let d1 in.",
            host_key=KEY,
            fingerprint="SHA256:abc",
            public_key=f"{KEY} d1",
        )
    )
    check = (await stack_of(house, chronicle)).check
    assert check is not None
    assert check.model_dump() == {
        "at": chronicle.now,
        "code": "key-refused",
        "message": "It does not let d1 in.",
        "deployer": "d1",
        "host_key": KEY,
        "fingerprint": "SHA256:abc",
        "public_key": f"{KEY} d1",
    }
    asked = check_in(chronicle.say(CheckRequested(stack="eu-1"), id="second"))
    chronicle.say(StackChecked(job=asked.job, stack="eu-1", deployer="d1"))
    check = (await stack_of(house, chronicle)).check
    assert check is not None
    assert (check.at, check.code, check.message, check.host_key) == (chronicle.now, None, "", None)


async def test_a_check_that_nobody_took_says_so(house: House, chronicle: Chronicle) -> None:
    chronicle.say(CheckRequested(stack="eu-1"))
    chronicle.wait(61)
    check = (await stack_of(house, chronicle)).check
    assert check is not None
    assert (check.code, check.deployer) == ("no-deployer", "")


async def test_a_check_of_a_stack_that_is_gone_is_no_news_and_a_new_one_has_none(
    house: House, chronicle: Chronicle
) -> None:
    asked = check_in(chronicle.say(CheckRequested(stack="eu-1")))
    chronicle.say(StackRemoved(stack="eu-1", forget=True))
    chronicle.say(StackChecked(job=asked.job, stack="eu-1", deployer="d1"))
    chronicle.say(StackAdded(stack="eu-1", driver="noop"))
    assert (await stack_of(house, chronicle)).check is None
