"""Puts commands on the bus: each once per idempotency key, whatever a caller repeats."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request
from pydantic import TypeAdapter, ValidationError

from ownstack_api.auth import Who
from ownstack_api.parts import Parts
from ownstack_api.problems import Problem
from ownstack_api.recent import Proposal, fingerprint
from ownstack_api.tracing import traceparent_of
from ownstack_bus.port import Outgoing
from ownstack_contracts.envelope import Unreadable, attributes_of, canonical, decode, encode
from ownstack_contracts.message import Command
from ownstack_contracts.names import CommandId
from ownstack_contracts.topics import COMMANDS
from ownstack_contracts.tracing import WORK
from ownstack_readmodel.views import CommandView

SOURCE = "/ownstack/api"

_COPIED = frozenset(("AppCloned", "ReviewAppOpened"))
"""Their values are a copy of what there was when they were proposed: the same command, repeated later, has others."""

_COMMAND_ID: TypeAdapter[str] = TypeAdapter(CommandId)


@dataclass(frozen=True, slots=True)
class Keys:
    """What a request says of its command beside the command. id: chosen by the caller, or None."""

    id: str | None
    traceparent: str | None


async def _keys(
    request: Request,
    _key: Annotated[
        str | None,
        Header(alias="Idempotency-Key", description="Becomes the command's id: the same key again changes nothing."),
    ] = None,
) -> Keys:
    return Keys(_command_id(request), traceparent_of(request.headers))


Keyed = Annotated[Keys, Depends(_keys)]


def _command_id(request: Request) -> str | None:
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    try:
        (key,) = given
        return _COMMAND_ID.validate_python(key)
    except (ValidationError, ValueError):
        detail = "An Idempotency-Key is 1 to 64 letters, digits or . _ : - and begins with a letter or a digit."
        raise Problem(422, "invalid-idempotency-key", detail, hint="A UUID will do.") from None


async def propose(parts: Parts, who: Who, command: Command, keys: Keys) -> CommandView:
    """Publish `command` of the caller's team; returns once it is durable.

    With a key that was used before, nothing is published: what became of the first is returned. Raises Problem (422 if
    the key was used for something else, 413 if the command is too large for the bus) and BusError.
    """
    if known := await repeated(parts, who.team, command, keys):
        return known
    proposal = _publish(parts, who, command, keys)
    await asyncio.shield(proposal.written)
    return accepted(proposal)


async def repeated(parts: Parts, team: str, command: Command, keys: Keys) -> CommandView | None:
    """What became of `command` if it was proposed with this key before; None if it was not. Of a command whose values
    are copied from elsewhere these don't count. Raises Problem: 422 if the key was used for something else."""
    if keys.id is None:
        return None
    return await _repeated(parts, team, keys.id, _content_of(command))


def accepted(proposal: Proposal) -> CommandView:
    """The view of a command that the read model does not hold yet."""
    return CommandView(id=proposal.id, type=proposal.type, actor=proposal.actor, at=proposal.at, status="accepted")


async def find(parts: Parts, team: str, command_id: str) -> CommandView | None:
    """The command, as the read model knows it or as it was just published here."""
    view = await parts.readmodel.command(team, command_id)
    if view is not None or (recent := parts.recent.find(team, command_id)) is None:
        return view
    await asyncio.shield(recent.written)
    return accepted(recent)


async def _repeated(parts: Parts, team: str, command_id: str, content: bytes) -> CommandView | None:
    """What this id stands for already. After its last await it has looked at `recent`: two at once can't both pass."""
    view = None
    if parts.recent.find(team, command_id) is None:
        view = await parts.readmodel.command(team, command_id)
        if view is not None:
            earlier = await _earlier_content(parts, team, view)
            if earlier is not None and earlier != content:
                raise reused(command_id)
            return view
    recent = parts.recent.find(team, command_id)
    if recent is None:
        return None
    if recent.content != content:
        raise reused(command_id)
    await asyncio.shield(recent.written)
    return await parts.readmodel.command(team, command_id) or accepted(recent)


async def _earlier_content(parts: Parts, team: str, view: CommandView) -> bytes | None:
    """The fingerprint of a decided command; None: it is not known any more."""
    data = await _earlier_data(parts, team, view)
    return None if data is None else _content(view.type, data)


async def _earlier_data(parts: Parts, team: str, view: CommandView) -> dict[str, Any] | None:
    """What a decided command said, from the fact that answered it. Of one that carries values, and was rejected,
    nothing was kept."""
    if view.sequence is None:
        return None
    facts = await parts.readmodel.facts_after(team, view.sequence - 1, 1)
    data: dict[str, Any] | None = orjson.loads(facts[0].record)["data"] if facts else None
    return data.get("data") if view.status == "rejected" and data is not None else data


async def copied_by(parts: Parts, team: str, view: CommandView) -> frozenset[str] | None:
    """The names of the values that an earlier command has copied from elsewhere; None: it is not known any more."""
    data = await _earlier_data(parts, team, view)
    if data is not None:
        return frozenset(data.get("values", ()))
    recent = parts.recent.find(team, view.id) if view.sequence is None else None
    return None if recent is None else recent.copied


def _content_of(command: Command) -> bytes:
    return _content(command.type_name(), attributes_of(command)["data"])


def _content(kind: str, data: Mapping[str, object]) -> bytes:
    said = {name: value for name, value in data.items() if name != "values" or kind not in _COPIED}
    return fingerprint(canonical([kind, said]))


def _copied(command: Command) -> frozenset[str]:
    return frozenset(getattr(command, "values", ())) if command.type_name() in _COPIED else frozenset()


def reused(command_id: str) -> Problem:
    """A key that was used before comes with something else."""
    detail = f"The key {command_id} was used for another command."
    return Problem(422, "idempotency-key-reused", detail, hint="Use a new key for each command.")


def new_id() -> str:
    """The id of a command for which the caller has chosen none."""
    return str(uuid.uuid4())


def _publish(parts: Parts, who: Who, command: Command, keys: Keys) -> Proposal:
    command_id = keys.id or new_id()
    WORK.set(WORK.get()._replace(correlationid=command_id))
    at = parts.clock()
    value = encode(
        command,
        source=SOURCE,
        team=who.team,
        id=command_id,
        actor=who.actor,
        time=at,
        correlationid=command_id,
        traceparent=keys.traceparent,
    )
    _check(value)
    written = asyncio.create_task(parts.bus.publish([Outgoing(COMMANDS.name, who.team, value)]))
    content, copied = _content_of(command), _copied(command)
    proposal = Proposal(who.team, command_id, command.type_name(), content, who.actor, at, written, copied)
    parts.recent.add(proposal)
    return proposal


def _check(value: bytes) -> None:
    """What is accepted here must be readable there: the promoter's own reader has the last word."""
    try:
        decode(COMMANDS.name, value)
    except Unreadable as why:
        status = 413 if why.code == "too-large" else 422
        raise Problem(status, f"command-{why.code}", why.reason) from None
