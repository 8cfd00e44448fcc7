"""Dead letters straight from the bus, without a server: for whoever runs the installation."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from ownstack import looping
from ownstack.answers import Json
from ownstack.exits import Exit, Failure

if TYPE_CHECKING:
    from ownstack_bus.port import Bus

T = TypeVar("T")


def newest(url: str, limit: int) -> list[Json]:
    """The newest `limit` letters of all teams. Raises Failure."""
    from ownstack_bus.dead_letters import newest as letters_of  # noqa: PLC0415 - late: few ask a bus

    async def listed(bus: Bus) -> list[Json]:
        found: list[Json] = []
        async with aclosing(letters_of(bus)) as letters:
            async for letter in letters:
                found.append(letter.summary())
                if len(found) == limit:
                    break
        return found

    return _on(url, listed)


def find(url: str, name: str) -> Json:
    """A letter and what was kept of it. Raises Failure, `dead-letter-unknown` among them."""
    from ownstack_bus import dead_letters  # noqa: PLC0415 - late

    async def found(bus: Bus) -> Json:
        letter = await dead_letters.find(bus, name)
        if letter is None:
            raise _unknown(name)
        return letter.document()

    return _on(url, found)


def resend(url: str, name: str, new_id: str | None) -> Json:
    """Send a letter again; returns where to and under which id. Raises Failure, NotResendable's codes among them."""
    from ownstack_bus import dead_letters  # noqa: PLC0415 - late

    async def sent(bus: Bus) -> Json:
        letter = await dead_letters.find(bus, name)
        if letter is None:
            raise _unknown(name)
        chosen = new_id or str(uuid.uuid4())
        try:
            record = dead_letters.resent(letter, chosen)
        except dead_letters.NotResendable as why:
            raise Failure(why.code, why.message, hint=why.hint, exit_code=Exit.REJECTED) from None
        await bus.publish([record])
        return {"letter": letter.id, "topic": record.topic, "key": record.key, "id": chosen}

    return _on(url, sent)


def _unknown(name: str) -> Failure:
    message = f"There is no dead letter {name} on this bus (any more: they are kept for 30 days)."
    hint = "ownstack dead-letter list --bus URL"
    return Failure("dead-letter-unknown", message, hint=hint, exit_code=Exit.REJECTED)


def _on(url: str, ask: Callable[[Bus], Awaitable[T]]) -> T:
    """What `ask` returns of the bus at `url`, which is closed after. Raises Failure instead of BusError, and for
    settings that are wrong."""
    from pydantic import ValidationError  # noqa: PLC0415 - late

    from ownstack_bus.connect import open_bus  # noqa: PLC0415 - late
    from ownstack_bus.port import BusError  # noqa: PLC0415 - late

    async def asked() -> T:
        bus = await open_bus(url)
        try:
            return await ask(bus)
        finally:
            await bus.close()

    _check_exists(url)
    try:
        return looping.run(asked())
    except BusError as error:
        raise Failure(error.code, str(error), exit_code=Exit.UNAVAILABLE) from None
    except ValidationError as error:
        from ownstack.serve.process import wrong_settings  # noqa: PLC0415 - whoever has such settings has it

        raise wrong_settings(error) from None


def _check_exists(url: str) -> None:
    """Opening a file makes it; whoever looks for letters in one that is not there has mistyped its name."""
    path = Path(unquote(url.removeprefix("sqlite:///")))
    if url.startswith("sqlite:///") and not path.exists():
        hint = "Is the path right? Relative ones begin at the present folder."
        raise Failure("bus-missing", f"There is no bus at {path}.", hint=hint, exit_code=Exit.UNAVAILABLE)
