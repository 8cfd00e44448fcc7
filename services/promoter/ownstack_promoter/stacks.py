"""Stacks: which servers there are, and how they are driven."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from ownstack_contracts.apps import StackAppLeftBehind
from ownstack_contracts.message import Message
from ownstack_contracts.ssh import is_host_key, parse_ssh
from ownstack_contracts.stacks import StackAdded, StackChanged, StackRemoved
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.looks import close_looks, look
from ownstack_promoter.model import App, Stack
from ownstack_promoter.refused import Refused
from ownstack_promoter.team import Team, listed


@decides(StackAdded)
def add_stack(team: Team, command: StackAdded, _: Moment) -> Iterator[Message]:
    if command.stack in team.stacks:
        raise Refused("stack-exists", f"There is a stack {command.stack} already.", hint="choose another name")
    _refuse_address(command.driver, command.address)
    _refuse_second(team, command.driver, command.address)
    _refuse_settings(command.driver, command.settings)
    yield command


def _refuse_second(team: Team, driver: str, address: str) -> None:
    """On one server an app of a name is there once: two stacks would deploy over each other."""
    for other in team.stacks.values():
        if driver == other.driver == "dokku" and address == other.address:
            raise Refused(
                "address-taken", f"{other.name} is the stack at {address}.", hint=f"ownstack stack info {other.name}"
            )


@decides(StackChanged)
def change_stack(team: Team, command: StackChanged, moment: Moment) -> Iterator[Message]:
    stack = team.stack(command.stack)
    if command.address is None and not command.settings:
        raise Refused(
            "nothing-to-change", "Neither an address nor a setting is given.", hint="ownstack stack set --help"
        )
    if command.address is not None:
        _refuse_address(stack.driver, command.address)
    if command.address not in (None, stack.address):
        _refuse_second(team, stack.driver, str(command.address))
    _refuse_settings(stack.driver, command.settings)
    if command.address in (None, stack.address):
        yield command
    else:
        yield from _move(team, stack, command, moment)


def _move(team: Team, stack: Stack, command: StackChanged, moment: Moment) -> Iterator[Message]:
    """It is another server: what that holds is to be found out."""
    users = _users(team, stack)
    for app in users:
        team.refuse_busy(app)
    _refuse_importing(team, stack)
    yield command
    there = {"address": command.address, "settings": _changed(stack, command)}
    for app in users:
        yield from close_looks(team, app, (stack.name,))
        yield look(team, app.name, app.id, stack.name, moment).model_copy(update=there)


def _changed(stack: Stack, change: StackChanged) -> dict[str, str]:
    return {key: value for key, value in {**stack.settings, **change.settings}.items() if value}


@evolves(StackChanged)
def stack_changed(team: Team, fact: StackChanged) -> None:
    stack = team.stacks[fact.stack]
    stack.settings = _changed(stack, fact)
    if fact.address in (None, stack.address):
        return
    stack.address = str(fact.address)
    _outdate(team, stack.name)
    for app in _users(team, stack):
        app.live.pop(stack.name, None)


def _outdate(team: Team, stack: str) -> None:
    """Whatever was seen there is older than what is looked for from now on."""
    for place in team.generations:
        if place[1] == stack:
            team.generations[place] += 1


def _users(team: Team, stack: Stack) -> list[App]:
    return [app for app in team.apps.values() if stack.name in app.stacks]


def _refuse_importing(team: Team, stack: Stack) -> None:
    if importing := [waiting.app for waiting in team.imports.values() if waiting.stack == stack.name]:
        raise Refused("stack-in-use", f"{importing[0]} is being taken over from {stack.name}.", hint="wait for its end")


def _refuse_address(driver: str, address: str) -> None:
    if driver == "program":
        _refuse_relative(address)
    elif driver == "dokku":
        _refuse_no_ssh(address)


def _refuse_no_ssh(address: str) -> None:
    try:
        parse_ssh(address)
    except ValueError as error:
        raise Refused(
            "address-invalid",
            f"The address of a Dokku stack can't be read: {error}.",
            hint="user@host:port, as in dokku@203.0.113.7:22",
        ) from error


def _refuse_settings(driver: str, settings: Mapping[str, str]) -> None:
    if driver != "dokku":
        return
    for name in settings:
        if name != "host_key":
            raise Refused("setting-unknown", f"A Dokku stack has no setting {name}.", hint="host_key is the only one")
    key = settings.get("host_key")
    if key and not is_host_key(key):
        raise Refused(
            "host-key-invalid",
            f"{key[:80]!r} is neither the fingerprint of a host key nor a public key.",
            hint="SHA256:… or ssh-ed25519 AAAA…, as `ssh-keygen -lf` and `ssh-keyscan` print them",
        )


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
    users = _users(team, stack)
    if users and not command.forget:
        raise Refused(
            "stack-in-use",
            f"{stack.name} is used by {listed(a.name for a in users)}.",
            hint=f"ownstack app remove-stack {users[0].name} {stack.name}, or --forget to leave them behind",
        )
    for pipeline in team.pipelines.values():
        if pipeline.reviews is not None and pipeline.reviews.stack == stack.name:
            raise Refused(
                "stack-in-use",
                f"The review apps of {pipeline.name} are made on {stack.name}.",
                hint=f"ownstack app pipeline review-apps {pipeline.name} --off, or --stack ANOTHER",
            )
    for app in users:
        team.refuse_busy(app)
    _refuse_importing(team, stack)
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
    _outdate(team, fact.stack)
    for app in team.apps.values():
        if fact.stack in app.stacks:
            forget_place(team, app, fact.stack)


def forget_place(team: Team, app: App, stack: str) -> None:
    """The app is no longer on that stack. Generations stay: a later creation goes on from them."""
    del app.stacks[stack]
    app.live.pop(stack, None)
    app.looks.pop(stack, None)
    app.config = app.config.without(stack)
    team.timers.cancel(f"look:{app.name}@{stack}")
