"""An app on a Dokku server that has config: deployments of it, and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.integration.dokku.driving import APP, Outcome, Stand

from ownstack_contracts.config import ConfigEntry
from ownstack_contracts.jobs import StackDeployRequested

OLD = {"TOKEN": "the-old-token", "GONE": "soon-to-be-gone", "MINE": "set by hand on the server"}
NEW = {"TOKEN": "the-new-token", "FRESH": "was not there before"}


def deploy(stand: Stand, image: str, generation: int = 2, unset: tuple[str, ...] = ("GONE",)) -> StackDeployRequested:
    """A deployment with config: what is sealed in it is decrypted elsewhere."""
    entries = tuple(ConfigEntry(name=name, sealed="v1." + "A" * 40) for name in NEW)
    return stand.deploy(image, generation, config=entries, config_unset=unset)


async def gets(stand: Stand, config: Mapping[str, str], image: str = "v2", generation: int = 2, **more: Any) -> Outcome:
    """One attempt with this config."""
    return await stand.attempts(deploy(stand, image, generation), config=config, **more)


def about_config(stand: Stand) -> list[str]:
    """The commands about config that came, without what they were given."""
    return [line.partition(" ")[0] for line in stand.server.commands() if line.startswith("config:")]


def shows(stand: Stand, outcome: Outcome | None = None) -> str:
    """All that is told."""
    return "\n".join([*stand.log.lines, outcome.failure.whole if outcome and outcome.failure else ""])


def breaks(stand: Stand, command: str, code: int = 1) -> None:
    """From now on this command says a value and fails."""
    tells = f'echo "{OLD["TOKEN"]}"; echo "{NEW["TOKEN"]}" >&2; exit {code}'
    said = f'case "$SSH_ORIGINAL_COMMAND" in "{command} "*) {tells};; esac;'
    stand.server.sshd.command = ["bash", "-c", f'{said} exec "$@"', "x", *stand.server.sshd.command]
    stand.server.restart()


def has_v1(stand: Stand) -> Stand:
    """v1 is live, by us, with OLD."""
    stand.has(stand.deploy("v1"))
    with stand.server.edit(APP) as app:
        app["config"] |= OLD
        app["containers"][0]["config"] = dict(OLD)
    return stand
