"""Stacks: which servers there are, and how they are driven."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from ownstack_contracts.apps import StackAppLeftBehind
from ownstack_contracts.message import Message
from ownstack_contracts.stacks import StackAdded, StackRemoved
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.looks import close_looks
from ownstack_promoter.model import App, Stack
from ownstack_promoter.refused import Refused
from ownstack_promoter.team import Team, listed


@decides(StackAdded)
def add_stack(team: Team, command: StackAdded, _: Moment) -> Iterator[Message]:
    if command.stack in team.stacks:
        raise Refused("stack-exists", f"There is a stack {command.stack} already.", hint="choose another name")
    if command.driver == "program":
        _refuse_relative(command.address)
    yield command


def _refuse_relative(address: str) -> None:
    if not PurePosixPath(address).is_absolute() or "\0" in address:
        raise Refused(
            "address-invalid",
            f"The address of a program stack is the absolute path of its program, not {address!r}.",
            hint="--address /path/to/program",
        )


@evolves(StackAdded)
def stack_added(team: Team, fact: StackAdded) -> None:
    team.stacks[fact.stack] = Stack(fact.stack, fact.driver, fact.address, dict(fact.settings))


@decides(StackRemoved)
def remove_stack(team: Team, command: StackRemoved, _: Moment) -> Iterator[Message]:
    stack = team.stack(command.stack)
    users = [a for a in team.apps.values() if stack.name in a.stacks]
    if users and not command.forget:
        raise Refused(
            "stack-in-use",
            f"{stack.name} is used by {listed(a.name for a in users)}.",
            hint=f"ownstack app remove-stack {users[0].name} {stack.name}, or --forget to leave them behind",
        )
    for app in users:
        team.refuse_busy(app)
    yield command
    for app in users:
        yield from close_looks(team, app, (stack.name,))
        yield _left_behind(app, stack.name)


def _left_behind(app: App, stack: str) -> StackAppLeftBehind:
    return StackAppLeftBehind(
        app=app.name,
        app_id=app.id,
        stack=stack,
        code="stack-forgotten",
        message=f"{stack} was removed while {app.name} was on it.",
    )


@evolves(StackRemoved)
def stack_removed(team: Team, fact: StackRemoved) -> None:
    del team.stacks[fact.stack]
    for app in team.apps.values():
        if fact.stack in app.stacks:
            forget_place(team, app, fact.stack)


def forget_place(team: Team, app: App, stack: str) -> None:
    """The app is no longer on that stack. Generations stay: a later creation goes on from them."""
    del app.stacks[stack]
    app.live.pop(stack, None)
    app.looks.pop(stack, None)
    team.timers.cancel(f"look:{app.name}@{stack}")
