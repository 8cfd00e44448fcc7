"""The config of a job: its values, decrypted for as long as the job is worked on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from ownstack_contracts.config import ConfigEntry
from ownstack_contracts.jobs import ConfiguredJob
from ownstack_deployer.drivers.port import Job, PhaseFailed
from ownstack_vault.errors import SecretUnreadable

logger = logging.getLogger(__name__)

AGAIN = (1.0, 4.0, 15.0)
"""Seconds until the vault is asked again, if its database is not there."""


class Unsealer(Protocol):
    """Decrypts values. Blocks, so it is called in a thread."""

    def unseal(self, team: str, app_id: str, entries: Sequence[ConfigEntry]) -> dict[str, str]:
        """The values by name. Raises SecretUnreadable."""


async def plain_config(job: Job, secrets: Unsealer | None, seconds: float) -> dict[str, str]:
    """The values of the job's config, which takes so long at most. A job without config needs no secrets.

    Raises PhaseFailed `config-unreadable`: no value can be had, for a reason that is told without any.
    """
    request = job.request
    entries = request.config if isinstance(request, ConfiguredJob) else ()
    if not entries:
        return {}
    if secrets is None:
        raise _unreadable(
            f"{request.app} has config, and this deployer can't decrypt it: it has no OWNSTACK_SECRET_KEY, or no "
            "database. Give it those of the API, then try again."
        )
    values = await _in_time(partial(secrets.unseal, job.team, request.app_id, entries), request.app, seconds)
    if wrong := sorted({entry.name for entry in entries if "\0" in values.get(entry.name, "\0")}):
        raise _unreadable(f"No environment takes the values of {', '.join(wrong)[:500]}. Set them anew.")
    return {entry.name: values[entry.name] for entry in entries}


async def _in_time(unseal: Callable[[], dict[str, str]], app: str, seconds: float) -> dict[str, str]:
    try:
        async with asyncio.timeout(max(seconds, 0)):
            return await _unsealed(unseal)
    except TimeoutError:
        raise _unreadable("The vault did not answer until the running deadline. See that its database is up.") from None
    except SecretUnreadable as error:
        raise _unreadable(f"The config of {app} can't be decrypted. {error.message} {error.hint}") from None
    except Exception as error:  # its text may show a value, and nothing is masked yet: it ends here
        logger.error("the config of %s could not be decrypted: %s", app, type(error).__name__)
        message = f"The vault could not be asked: {type(error).__name__}. See that its database is up."
        raise _unreadable(message) from None


async def _unsealed(unseal: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Asked again, if what is wrong may pass by itself."""
    for pause in AGAIN:
        try:
            return await asyncio.to_thread(unseal)
        except SecretUnreadable as error:
            if not error.passing:
                raise
        await asyncio.sleep(pause)
    return await asyncio.to_thread(unseal)


def _unreadable(message: str) -> PhaseFailed:
    return PhaseFailed("config-unreadable", message, began=False)
