"""Sources: a promotion begins with a look at what is live on each stack of the app that it promotes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ownstack_contracts.jobs import StackLookRequested
from ownstack_contracts.message import Message
from ownstack_contracts.promotions import PromotionBegun, PromotionFailed
from ownstack_promoter.dispatch import Moment, evolves
from ownstack_promoter.looks import look, next_look
from ownstack_promoter.model import App, Holding
from ownstack_promoter.team import Team, listed, newest
from ownstack_promoter.underway import Looking

MOST_MESSAGE = 2_000
"""Characters, as the contracts have it: names of images may be long, and stacks many."""


def look_at_source(team: Team, source: App, moment: Moment) -> Iterator[StackLookRequested]:
    """Ask what is live on each of its stacks; nobody waits for longer than the app's waiting deadline."""
    for stack in source.stacks:
        yield look(team, source.name, source.id, stack, moment, patience=source.settings.waiting_deadline * 1_000)


@evolves(PromotionBegun)
def promotion_begun(team: Team, fact: PromotionBegun) -> None:
    source = team.apps[fact.source]
    looks = {next_look(team, source.name, source.id, stack) for stack in fact.looked_at}
    team.awaited.update(dict.fromkeys(looks, fact.promotion))
    team.lookings[fact.promotion] = Looking(
        fact.promotion,
        fact.source,
        fact.source_release,
        fact.target,
        fact.target_app_id,
        tuple(fact.stacks),
        fact.redeploy,
        fact.requester,
        looks=looks,
    )


def awaiting(team: Team, look: str) -> Looking | None:
    """The promotion that waits for this look."""
    promotion = team.awaited.get(look)
    return team.lookings[promotion] if promotion is not None else None


def failed(looking: Looking, code: str, message: str) -> Message:
    """The end of a promotion that found that it can't begin."""
    return PromotionFailed(
        promotion=looking.id, source=looking.source, target=looking.target, code=code, message=message[:MOST_MESSAGE]
    )


def not_seen(looking: Looking, stack: str, why: str) -> Message:
    """The end of a promotion whose source could not be looked at."""
    return failed(
        looking,
        "source-not-seen",
        f"What runs of {looking.source} on {stack} could not be looked at, so nothing is promoted. A release that you "
        f"name is promoted without a look: ownstack app pipeline promote {looking.source} --release vN. "
        f"Why: {why[:1_000]}",
    )


def objection(looking: Looking, source: App, held: dict[str, Holding | None]) -> Message | None:
    """Why what the looks saw can't be promoted; None: it can."""
    if source.active is not None:
        return failed(
            looking, "rollout-active", f"{source.name} is being deployed itself now: {source.active}. Wait for its end."
        )
    for stack, holding in held.items():
        if holding is not None and holding.image is None:
            return failed(looking, "image-without-digest", _without_digest(source.name, stack, holding))
    if looking.expected is not None:
        return _drift(looking, source, looking.expected, held)
    images = {holding.digest if holding else None for holding in held.values()}
    if images == {None}:
        deploy = f"ownstack deploy {source.name} --image REPO:TAG"
        return failed(looking, "nothing-to-promote", f"Nothing of {source.name} is live. Deploy to it first: {deploy}")
    if len(images) > 1:
        return failed(looking, "release-mixed", _mixed(source, held))
    return None


def _mixed(source: App, held: dict[str, Holding | None]) -> str:
    return (
        f"{source.name} has no image that is live on all its stacks: {_seen(source, held)}. Deploy one to all of them "
        f"(ownstack deploy {source.name} --image …), or promote a release by name: ownstack app pipeline promote "
        f"{source.name} --release vN"
    )


def _seen(source: App, held: Mapping[str, Holding | None]) -> str:
    return listed(f"{_named(source, holding)} on {stack}" for stack, holding in held.items())


def _without_digest(app: str, stack: str, holding: Holding) -> str:
    named = f" ({holding.reference})" if holding.reference else ""
    return (
        f"{stack} runs an image of {app}{named} that has no digest in a registry: it was built there, or deployed by "
        "a tag, so no other stack could pull just that image. Push it, then deploy it from there: on the server "
        f"`docker tag {holding.reference or 'IMAGE'} REGISTRY/REPO:TAG && docker push REGISTRY/REPO:TAG`; then "
        f"`ownstack deploy {app} --image REGISTRY/REPO:TAG`, and promote again."
    )


def _drift(looking: Looking, source: App, expected: int, held: dict[str, Holding | None]) -> Message | None:
    release = source.releases[expected]
    other = {stack: h for stack, h in held.items() if h is None or h.digest != release.digest}
    if not other:
        return None
    seen = _seen(source, other)
    ours = all(h is not None and h.release is not None and h.release > expected for h in other.values())
    if ours:
        return failed(looking, "source-changed", f"{source.name} has been deployed meanwhile: {seen}. Promote again.")
    return failed(
        looking,
        "source-drifted",
        f"{source.name} is not what was released on it last, v{expected}: {seen}. Somebody has deployed past us. "
        f"{_if_meant(held)}put it right first: ownstack deploy {source.name} --image {release.image} --redeploy",
    )


def _if_meant(held: Mapping[str, Holding | None]) -> str:
    images = {holding.digest if holding else None for holding in held.values()}
    if len(images) == 1 and None not in images:
        return "If that is what you want to promote, promote again; else "
    return "To promote anything, "


def _named(source: App, holding: Holding | None) -> str:
    """The release that it is, or will be found to be, if it is none of ours."""
    if holding is None:
        return "nothing"
    number = holding.release
    if number is None and holding.digest is not None:
        number = newest(source.releases, holding.digest)
    return f"v{number}" if number is not None else str(holding.image or holding.reference)[-200:]
