"""Review apps: one for each open pull request; destroyed when that is closed, or when their time has passed."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from ownstack_contracts.config import ConfigErased
from ownstack_contracts.message import Message
from ownstack_contracts.reviews import (
    LONGEST_PRODUCTION,
    AppCloned,
    ReviewAppClosed,
    ReviewAppExpired,
    ReviewAppOpened,
    ReviewAppsDisabled,
    ReviewAppsEnabled,
    ReviewAppUpdated,
    image_for,
    review_app,
)
from ownstack_promoter.apps import cancel_resolving, go, refuse_existing
from ownstack_promoter.clones import cloned, refuse_other_id
from ownstack_promoter.deploys import begin
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.endings import cancelled_in_queue
from ownstack_promoter.looks import look
from ownstack_promoter.model import App, Review, ReviewApps
from ownstack_promoter.refused import Refused
from ownstack_promoter.rollouts import refuse_taken
from ownstack_promoter.team import Team, refuse_stackless
from ownstack_promoter.variables import refuse_too_large

IMAGE_PATIENCE = 30 * 60_000
"""How long the image of a pull request may not be there yet, in ms: it is being built when it is asked for."""


@decides(ReviewAppsEnabled)
def enable(team: Team, command: ReviewAppsEnabled, _: Moment) -> Iterator[Message]:
    pipeline = team.pipeline(command.production)
    team.stack(command.stack)
    if len(pipeline.name) > LONGEST_PRODUCTION:
        raise Refused(
            "name-too-long",
            f"The review apps of {pipeline.name} would have names of more than 63 letters.",
            hint=f"an app with review apps has a name of at most {LONGEST_PRODUCTION}",
        )
    if command.forks and command.secrets:
        raise Refused(
            "secrets-for-forks",
            "Anybody may open a pull request from a fork, and would run it with the secrets of production.",
            hint="leave out one of both, or give review apps values of their own: ownstack config:set --review",
        )
    yield command


@evolves(ReviewAppsEnabled)
def enabled(team: Team, fact: ReviewAppsEnabled) -> None:
    team.pipelines[fact.production].reviews = ReviewApps(fact.stack, fact.image, fact.expires, fact.forks)


@decides(ReviewAppsDisabled)
def disable(team: Team, command: ReviewAppsDisabled, _: Moment) -> Iterator[Message]:
    _review_apps(team, command.production)
    yield command


def _review_apps(team: Team, production: str) -> ReviewApps:
    reviews = team.pipeline(production).reviews
    if reviews is None:
        raise _off(production)
    return reviews


def _off(production: str) -> Refused:
    return Refused(
        "review-apps-off",
        f"Pull requests get no review apps of {production}.",
        hint=f"ownstack app pipeline review-apps {production} --stack S --image IMAGE",
    )


@evolves(ReviewAppsDisabled)
def disabled(team: Team, fact: ReviewAppsDisabled) -> None:
    team.pipelines[fact.production].reviews = None


@decides(ReviewAppOpened)
def open_review(team: Team, command: ReviewAppOpened, moment: Moment) -> Iterator[Message]:
    reviews = _review_apps(team, command.production)
    name = review_app(command.production, command.number)
    _refuse_outdated(team, command)
    if command.fork and not reviews.forks:
        raise Refused(
            "fork-not-allowed",
            f"Pull request {command.number} of {command.production} comes from a fork.",
            hint=f"ownstack app pipeline review-apps {command.production} … --allow-forks, if you trust all of them",
        )
    refuse_taken(team, moment.id)
    refuse_other_id(name, command.app_id, moment)
    app = team.apps.get(name) if name in team.reviews else None
    if app is None:
        refuse_existing(team, name)
        refuse_too_large(command.values)
    else:
        refuse_stackless(app)
    yield command.model_copy(update={"values": {}})  # they are those of the clone, if there is to be one
    if app is None:
        app = yield from _made(team, command, name, reviews, moment)
    elif app.id != command.app_id:
        yield ConfigErased(app=name, app_id=command.app_id)  # values were sealed for an app that there will never be
    updated = update(command, app, reviews, moment)
    yield updated
    yield from begin(team, app, updated.image, tuple(app.stacks), moment, redeploy=False, missing=IMAGE_PATIENCE)


def update(command: ReviewAppOpened, app: App, reviews: ReviewApps, moment: Moment) -> ReviewAppUpdated:
    """What the review app is from now on, and until when."""
    return ReviewAppUpdated(
        production=command.production,
        app=app.name,
        app_id=app.id,
        number=command.number,
        sha=command.sha,
        at=command.at,
        image=image_for(reviews.image, command.number, command.sha),
        expires_at=None if reviews.expires is None else moment.now + reviews.expires * 1_000,
    )


def _made(
    team: Team, command: ReviewAppOpened, name: str, reviews: ReviewApps, moment: Moment
) -> Generator[Message, None, App]:
    fact = AppCloned(
        source=command.production, app=name, app_id=command.app_id, stack=reviews.stack, values=command.values
    )
    yield fact
    app = cloned(team, fact)
    yield look(team, name, app.id, reviews.stack, moment)
    return app


def _refuse_outdated(team: Team, command: ReviewAppOpened | ReviewAppClosed) -> None:
    """What is delivered late must not undo what came after it."""
    review = team.reviews.get(review_app(command.production, command.number))
    closed = team.closed_reviews.get((command.production, command.number))
    known = review.at if review is not None else closed or 0
    is_going = review.closing if review is not None else closed is not None
    if command.at < known or (is_going and command.at == known and isinstance(command, ReviewAppOpened)):
        raise Refused(
            "pull-request-outdated",
            f"Pull request {command.number} of {command.production} is known as it was later than that.",
            hint="nothing is to be done",
        )


@evolves(ReviewAppOpened)
def review_opened(team: Team, fact: ReviewAppOpened) -> None:
    name = review_app(fact.production, fact.number)
    team.reviews[name] = Review(fact.production, fact.number, fact.at)
    team.closed_reviews.pop((fact.production, fact.number), None)
    team.timers.cancel(f"close:{name}")


@evolves(ReviewAppUpdated)
def review_updated(team: Team, fact: ReviewAppUpdated) -> None:
    if fact.expires_at is None:
        team.timers.cancel(f"expire:{fact.app}")
    else:
        team.timers.set(f"expire:{fact.app}", fact.expires_at)


@decides(ReviewAppClosed)
def close_review(team: Team, command: ReviewAppClosed, moment: Moment) -> Iterator[Message]:
    name = review_app(command.production, command.number)
    if name not in team.reviews:
        _review_apps(team, command.production)
    _refuse_outdated(team, command)
    yield command
    if name in team.reviews:
        yield from _going(team, name, moment)


@evolves(ReviewAppClosed)
def review_closed(team: Team, fact: ReviewAppClosed) -> None:
    name = review_app(fact.production, fact.number)
    if (review := team.reviews.get(name)) is None:
        team.closed_reviews[fact.production, fact.number] = fact.at
        return
    review.at = fact.at
    _is_closing(team, name, review)


def _is_closing(team: Team, name: str, review: Review) -> None:
    """Fold: it goes as soon as nothing of it is under way."""
    review.closing = True
    team.timers.cancel(f"expire:{name}")
    if (app := team.apps.get(name)) is None:
        team.forget_review(name)
    elif app.active is None:
        team.timers.set(f"close:{name}", 0)


def expire_review(team: Team, name: str, moment: Moment) -> Iterator[Message]:
    """Its time has passed."""
    review = team.reviews[name]
    yield ReviewAppExpired(production=review.production, app=name, number=review.number)
    yield from _going(team, name, moment)


@evolves(ReviewAppExpired)
def review_expired(team: Team, fact: ReviewAppExpired) -> None:
    _is_closing(team, fact.app, team.reviews[fact.app])


def close_at_rest(team: Team, name: str, moment: Moment) -> Iterator[Message]:
    """Nothing of it is under way any more."""
    if (app := team.apps.get(name)) is not None and app.active is None:
        yield from go(team, app, moment)


def _going(team: Team, name: str, moment: Moment) -> Iterator[Message]:
    """What waits of it is cancelled; it is destroyed at once, or when what has begun has ended."""
    app = team.apps.get(name)
    if app is None:
        return
    for waiting in app.queue:
        yield cancelled_in_queue(team.rollouts[waiting])
    if app.active is None:
        yield from go(team, app, moment)
    else:
        yield from cancel_resolving(team, app)
