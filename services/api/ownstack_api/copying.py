"""What a new app takes along from the one that it is made of: its config there, without what has to stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ownstack_api.parts import Parts
from ownstack_api.problems import Problem
from ownstack_api.sealing import config_value, seal, slot_of, unseal
from ownstack_contracts.config import MOST_VARIABLES, ConfigValue
from ownstack_readmodel import SealedConfig, SealedVariable
from ownstack_vault import Slot


class Copy(NamedTuple):
    """Variables to be taken along, by name; and the names of those left out, as they are secrets of production."""

    variables: Mapping[str, SealedVariable]
    left_out: Sequence[str]


def copy_of(source: SealedConfig, stack: str, *, secrets: bool) -> Copy:
    """What an app on `stack` takes along: what `source` has there, and above it what it has for review apps.

    secrets: also the secrets of a production app; those for review apps are meant for them, and always go along.
    """
    shared = {
        variable.name: variable for variable in source.variables if variable.stack is None and not variable.review
    }
    if stack in source.stacks:
        shared |= {variable.name: variable for variable in source.variables if variable.stack == stack}
    review = {variable.name: variable for variable in source.variables if variable.review}
    staying = {name for name, variable in shared.items() if source.production and variable.secret and not secrets}
    taken = {name: variable for name, variable in shared.items() if name not in staying}
    return Copy(taken | review, sorted(staying - review.keys()))


async def resealed(
    parts: Parts, team: str, source: str, variables: Mapping[str, SealedVariable], app_id: str
) -> dict[str, ConfigValue]:
    """The variables of the creation `source`, sealed for the creation `app_id`, and for all of its stacks.

    Raises VaultUnusable, SecretUnreadable if one can't be opened, and Problem, 422, if they are too many.
    """
    if len(variables) > MOST_VARIABLES:
        detail = f"It would have {len(variables)} variables; at most {MOST_VARIABLES} are kept."
        raise Problem(422, "config-too-large", detail, hint="Copy none of them, or have fewer for review apps.")
    opened = await unseal(parts, {slot_of(team, source, each): each.sealed for each in variables.values()})
    sealed = await seal(parts, {Slot(team, app_id, slot.name): value for slot, value in opened.items()})
    return {slot.name: config_value(value, secret=variables[slot.name].secret) for slot, value in sealed.items()}
