"""From a form with plain values to a command with sealed ones. What is plain stays in memory, and is never told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, model_validator
from starlette.concurrency import run_in_threadpool

from ownstack_api.forms import Form
from ownstack_api.parts import Parts
from ownstack_contracts.config import MOST_VARIABLES, ConfigSet, ConfigValue
from ownstack_contracts.names import ConfigKey, StackName
from ownstack_readmodel import SealedVariable
from ownstack_vault import SealedValue, Slot

MOST_VALUE_BYTES = 60_000
"""How long a value may be: it has to fit, sealed, into the records that carry it, beside others."""


def _is_value(value: SecretStr) -> SecretStr:
    plain = value.get_secret_value()
    if "\0" in plain:
        raise ValueError("no environment can hold a NUL")
    if any("\ud800" <= letter <= "\udfff" for letter in plain):
        raise ValueError("it is no text that can be written in UTF-8")
    if len(plain.encode()) > MOST_VALUE_BYTES:
        raise ValueError(f"it has more than {MOST_VALUE_BYTES} bytes in UTF-8")
    return value


PlainValue = Annotated[SecretStr, AfterValidator(_is_value), Field(json_schema_extra={"maxLength": MOST_VALUE_BYTES})]
"""A value as a person gives it: any text that an environment can hold. It shows itself to nobody by accident."""


class ConfigChanges(Form):
    """Variables to be changed: for all stacks of an app, for `stack` alone, or (`review`) for review apps.

    values: by name; null: it is gone. secret: whether those that are set stay where they are, unless it is asked for
    them. prune: whether all that are not in `values` are gone. deploy: whether what runs is released again with them.
    """

    values: Annotated[dict[ConfigKey, PlainValue | None], Field(max_length=MOST_VARIABLES)]
    stack: StackName | None = None
    review: bool = False
    secret: bool = True
    prune: bool = False
    deploy: bool = True

    @model_validator(mode="after")
    def _is_of_one_scope(self) -> ConfigChanges:
        if self.review and self.stack is not None:
            raise ValueError("review apps are on no stack of the app: give a stack, or review: true")
        return self


async def sealed_command(parts: Parts, team: str, app: str, app_id: str, form: ConfigChanges) -> ConfigSet:
    """The command that the form spells, sealed for this creation of the app. Raises what the vault raises."""
    plain = {
        Slot(team, app_id, name, form.stack, form.review): value.get_secret_value()
        for name, value in form.values.items()
        if value is not None
    }
    sealed = await seal(parts, plain)
    return ConfigSet(
        app=app,
        app_id=app_id,
        stack=form.stack,
        review=form.review,
        values={slot.name: config_value(value, secret=form.secret) for slot, value in sealed.items()},
        unset=tuple(sorted(name for name, value in form.values.items() if value is None)),
        prune=form.prune,
        deploy=form.deploy,
    )


def config_value(value: SealedValue, *, secret: bool) -> ConfigValue:
    """A sealed value as commands carry it."""
    return ConfigValue(sealed=value.sealed, fingerprint=value.fingerprint, secret=secret)


def slot_of(team: str, app_id: str, variable: SealedVariable) -> Slot:
    """The place that a variable was sealed for."""
    return Slot(team, app_id, variable.name, variable.stack, variable.review)


async def seal(parts: Parts, plain: Mapping[Slot, str]) -> Mapping[Slot, SealedValue]:
    """Seal values. Where there are none, no key is made. Raises VaultUnusable and SecretUnreadable."""
    return await run_in_threadpool(parts.vault.secrets.seal, plain, parts.clock()) if plain else {}


async def unseal(parts: Parts, sealed: Mapping[Slot, str]) -> Mapping[Slot, str]:
    """Open values. Raises VaultUnusable and SecretUnreadable."""
    return await run_in_threadpool(parts.vault.secrets.unseal, sealed) if sealed else {}
