"""Apps with config in the read model of a house, sealed by its vault."""

from __future__ import annotations

from typing import NamedTuple

from tests.unit.api.house import NOW, TEAM, House

from ownstack_contracts.config import ConfigValue
from ownstack_readmodel import SealedConfig, SealedVariable
from ownstack_vault import Slot

CANARY = "s3cr3t-canary-4f1d"


class Var(NamedTuple):
    """A variable that an app has."""

    name: str
    value: str
    stack: str | None = None
    review: bool = False
    secret: bool = True
    sequence: int = 0


def with_config(
    house: House,
    app: str,
    *variables: Var,
    stacks: tuple[str, ...] = ("eu-1",),
    production: bool = False,
    creation: int = 1,
) -> str:
    """The read model holds this app with these variables. Returns the id of its creation."""
    app_id = f"{app}.{creation}"
    slots = {Slot(TEAM, app_id, var.name, var.stack, var.review): var for var in variables}
    sealed = house.vault.secrets.seal({slot: var.value for slot, var in slots.items()}, NOW)
    held = tuple(
        SealedVariable(var.name, var.stack, var.review, var.secret, *sealed[slot], sequence=var.sequence)
        for slot, var in slots.items()
    )
    house.readmodel.hold(TEAM, "sealed-config", app, SealedConfig(app_id, stacks, production, held))
    return app_id


def opened_values(house: House, app_id: str, values: dict[str, ConfigValue]) -> dict[str, str]:
    """What a command carries for all stacks of this creation, in plain."""
    slots = {Slot(TEAM, app_id, name): value.sealed for name, value in values.items()}
    return {slot.name: value for slot, value in house.vault.secrets.unseal(slots).items()}
