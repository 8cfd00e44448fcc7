"""Clones: an app that is made like another one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.copying import copy_of, resealed
from ownstack_api.forms import NewClone
from ownstack_api.openapi import problems
from ownstack_api.outcomes import CommandAnswer, answer, tell
from ownstack_api.paging import found
from ownstack_api.parts import House, Parts
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed, copied_by, new_id, repeated, reused
from ownstack_api.routes.common import COMMAND, NEW_APP, App, router
from ownstack_contracts.reviews import AppCloned, clone_id
from ownstack_readmodel import SealedConfig
from ownstack_readmodel.views import CommandView

routes = router("apps")


class CloneAnswer(CommandAnswer):
    """The answer to a clone: where it stands. left_out: the variables that were not copied, as they are secrets of
    production and nobody asked for them."""

    left_out: list[str]


_CLONE: dict[str, Any] = {
    **COMMAND,
    "response_model": CloneAnswer,
    "responses": {
        **COMMAND["responses"],
        200: {**COMMAND["responses"][200], "model": CloneAnswer},
        **problems(404),
    },
}


@routes.post("/apps/{app}/clones", **_CLONE)
async def clone_app(house: House, who: Caller, keys: Keyed, wait: Wait, app: App, form: NewClone) -> Response:
    """Make an app like this one on a stack, with its settings and its config, and with `deploy` with its image.

    Sent again with its key it is the same clone, whatever has become of its source. `config` and `secrets` are compared
    by what the first has copied: by the variables that have not changed since.
    """
    keys = replace(keys, id=keys.id or new_id())
    app_id = clone_id(form.name, str(keys.id))
    command = AppCloned(source=app, app=form.name, app_id=app_id, stack=form.stack, deploy=form.deploy)
    known = await repeated(house, who.team, command, keys)  # its key may be destroyed by now, and its source gone
    source = await house.readmodel.sealed_config(who.team, app)
    if known is not None:
        left_out = await _left_out_before(house, who.team, known, source, form)
        return await tell(house, who.team, known, wait, partial(_answer, left_out=left_out))
    source = found(source, "app", app, NEW_APP)
    if form.config:
        taken = copy_of(source, form.stack, secrets=form.secrets).variables
        values = await resealed(house, who.team, source.app_id, taken, app_id)
        command = command.model_copy(update={"values": values})
    return await answer(house, who, command, keys, wait, partial(_answer, left_out=_left_out(source, form)))


def _left_out(source: SealedConfig | None, form: NewClone) -> list[str]:
    if source is None or not form.config:
        return []
    return list(copy_of(source, form.stack, secrets=form.secrets).left_out)


async def _left_out_before(
    parts: Parts, team: str, first: CommandView, source: SealedConfig | None, form: NewClone
) -> list[str]:
    """What the first clone with this key has left out. Nothing was kept of its flags, so they are told by what of the
    source is as it was then. Raises Problem, 422: with the flags of `form` it would have copied something else."""
    copied = await copied_by(parts, team, first)
    if source is None or copied is None:
        return _left_out(source, form)
    unchanged = _unchanged_since(source, first.sequence)
    there = copy_of(unchanged, form.stack, secrets=True).variables.keys()
    taken = copy_of(unchanged, form.stack, secrets=form.secrets).variables.keys() if form.config else set()
    if taken != there & copied:
        raise reused(first.id)
    return _left_out(unchanged, form)


def _unchanged_since(source: SealedConfig, sequence: int | None) -> SealedConfig:
    """Without the variables that were set after this fact, wherever. None: it is yet to be written, after them all."""
    if sequence is None:
        return source
    changed = {variable.name for variable in source.variables if variable.sequence > sequence}
    return replace(source, variables=tuple(each for each in source.variables if each.name not in changed))


def _answer(view: Any, *, left_out: list[str]) -> CloneAnswer:
    return CloneAnswer(command=view, left_out=left_out)
