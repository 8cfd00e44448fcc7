"""What becomes of a pull request: its review app is opened, deployed again, or closed; or nothing, and why."""

from __future__ import annotations

import hashlib

from ownstack_api.auth import Who
from ownstack_api.copying import copy_of, resealed
from ownstack_api.github import Change
from ownstack_api.parts import Parts
from ownstack_api.problems import Problem
from ownstack_api.publishing import Keys, propose, repeated
from ownstack_contracts.reviews import ReviewAppClosed, ReviewAppOpened, clone_id, review_app
from ownstack_readmodel.views import CommandView, ReviewAppsView


def command_id(delivery: str, production: str) -> str:
    """The id of the command that a delivery is for this pipeline. GitHub gives all webhooks that hear of an event the
    same id of the delivery, so that of two pipelines of one repository each needs its own."""
    return f"github-{delivery}.{hashlib.sha256(production.encode()).hexdigest()[:8]}"


async def review(parts: Parts, who: Who, production: str, change: Change, keys: Keys) -> CommandView | str:
    """Propose what `change` asks for, once per key; a text: why nothing is proposed.

    Raises Problem (403: it comes from a fork, and forks get no review apps), and what bus and vault raise.
    """
    if change.action != "closed" and change.pull_request.state == "closed":
        return "The pull request is closed by now."
    command = _command(production, change, str(keys.id))
    if known := await repeated(parts, who.team, command, keys):  # before anything is sealed: its key may be destroyed
        return known
    if isinstance(command, ReviewAppClosed):
        return await _close(parts, who, command, change, keys)
    return await _open(parts, who, command, keys)


def _command(production: str, change: Change, key: str) -> ReviewAppOpened | ReviewAppClosed:
    number = change.pull_request.number
    if change.action == "closed":
        return ReviewAppClosed(production=production, number=number, at=change.at)
    return ReviewAppOpened(
        production=production,
        number=number,
        sha=change.pull_request.head.sha,
        at=change.at,
        app_id=clone_id(review_app(production, number), key),
        fork=change.is_of_fork,
    )


async def _open(parts: Parts, who: Who, command: ReviewAppOpened, keys: Keys) -> CommandView | str:
    reviews = await _review_apps(parts, who.team, command.production)
    source = await parts.readmodel.sealed_config(who.team, command.production)
    if reviews is None or source is None:
        return _off(command.production)
    if command.fork and not reviews.forks:
        raise _fork(command)
    taken = copy_of(source, reviews.stack, secrets=reviews.secrets and not command.fork).variables
    values = await resealed(parts, who.team, source.app_id, taken, command.app_id)
    return await propose(parts, who, command.model_copy(update={"values": values}), keys)


async def _close(parts: Parts, who: Who, command: ReviewAppClosed, change: Change, keys: Keys) -> CommandView | str:
    """Also where no more review apps are opened: those that are there go with their pull requests."""
    app = await parts.readmodel.app(who.team, review_app(command.production, command.number))
    if app is None or app.review is None:
        reviews = await _review_apps(parts, who.team, command.production)
        if reviews is None:
            return _off(command.production)
        if change.is_of_fork and not reviews.forks:
            return "It comes from a fork, and has no review app."
    return await propose(parts, who, command, keys)


async def _review_apps(parts: Parts, team: str, production: str) -> ReviewAppsView | None:
    pipeline = await parts.readmodel.pipeline(team, production)
    return None if pipeline is None else pipeline.review_apps


def _off(production: str) -> str:
    return f"Pull requests get no review apps of {production}."


def _fork(command: ReviewAppOpened) -> Problem:
    detail = f"Pull request {command.number} of {command.production} comes from a fork."
    hint = f"ownstack app pipeline review-apps {command.production} … --allow-forks, if you trust all of them."
    return Problem(403, "fork-not-allowed", detail, hint=hint)
