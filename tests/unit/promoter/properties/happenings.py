"""What may happen to config, to images that have only a tag, and to pull requests."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from tests.unit.promoter.properties.deployers import Deployers
from tests.unit.promoter.properties.drawn import apps, images, pick, scopes, some_stacks, stacks, tags, unset, values
from tests.unit.promoter.properties.registries import ANSWERS, Answer, answer
from tests.unit.promoter.properties.world import World

from ownstack_contracts.config import ConfigSet, ConfigValue
from ownstack_contracts.message import Command, Message
from ownstack_contracts.reviews import (
    AppCloned,
    ReviewAppClosed,
    ReviewAppOpened,
    ReviewAppsDisabled,
    ReviewAppsEnabled,
    clone_id,
    review_app,
)
from ownstack_contracts.rollouts import DeployRequested
from ownstack_promoter.domain import Refused

seldom = st.integers(0, 7).map(lambda drawn: drawn == 0)
later = st.sampled_from((0, 1, 1, 1, -1))
"""By how much the state of a pull request is newer than the one before."""


class Happenings(RuleBasedStateMachine):
    """A team of which the config, the images and the pull requests change."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.deployers = Deployers(self.world)
        self.pull_requests = 10

    def say(self, command: Command) -> list[Message] | Refused:
        """A command, of which exactly one thing becomes."""
        return self.world.command(command)

    def _id(self, app: str) -> str:
        known = self.world.team.apps.get(app)
        return known.id if known is not None else f"{app}.0"

    def _set(self, app: str, stack: str | None, wanted: tuple[str, ...], **change: object) -> None:
        """Unset what is there, so that most changes are admitted."""
        known = self.world.ledger.config.apps.get(app)
        there = known.scopes[stack or ""] if known is not None else {}
        values = change["values"]
        assert isinstance(values, dict)
        gone = tuple(name for name in wanted if name in there and name not in values)
        self.say(ConfigSet(app=app, app_id=self._id(app), stack=stack, unset=gone, **change))  # type: ignore[arg-type]

    @rule(app=apps, stack=scopes, values=values, wanted=unset, prune=seldom, deploy=st.booleans())
    def variables_are_set(
        self,
        app: str,
        stack: str | None,
        values: dict[str, ConfigValue],
        wanted: tuple[str, ...],
        prune: bool,
        deploy: bool,
    ) -> None:
        self._set(app, stack, wanted, values=values, prune=prune, deploy=deploy)

    @rule(app=apps, values=values, wanted=unset, stack=st.none() | stacks, review=st.booleans(), right=st.booleans())
    def variables_are_set_oddly(
        self,
        app: str,
        values: dict[str, ConfigValue],
        wanted: tuple[str, ...],
        stack: str | None,
        review: bool,
        right: bool,
    ) -> None:
        """For review apps, for an app that is gone, or unset where they are not."""
        app_id = self._id(app) if right else f"{app}.1"
        stack = None if review else stack
        self.say(ConfigSet(app=app, app_id=app_id, stack=stack, review=review, values=values, unset=wanted))

    @rule(
        source=apps,
        app=st.sampled_from(("copy", "copy", "blog", "shop", "shop-pr-1")),
        stack=stacks,
        values=values,
        deploy=st.booleans(),
        wrong=seldom,
    )
    def an_app_is_cloned(
        self, source: str, app: str, stack: str, values: dict[str, ConfigValue], deploy: bool, wrong: bool
    ) -> None:
        app_id = clone_id(app, "else" if wrong else self.world.next_name)
        self.say(AppCloned(source=source, app=app, app_id=app_id, stack=stack, values=values, deploy=deploy))

    @rule(app=apps, tag=tags, on=st.none() | some_stacks.filter(bool), redeploy=st.booleans())
    def a_tag_is_deployed(self, app: str, tag: str, on: tuple[str, ...] | None, redeploy: bool) -> None:
        self.say(DeployRequested(app=app, image=tag, stacks=on, redeploy=redeploy))

    @precondition(lambda self: self.world.team.image_jobs)
    @rule(number=pick, kind=st.sampled_from(ANSWERS), image=images, times=st.integers(1, 2))
    def an_image_job_is_answered(self, number: int, kind: Answer, image: str, times: int) -> None:
        jobs = list(self.world.team.image_jobs.values())
        for _ in range(times):
            self.world.report(answer(jobs[number % len(jobs)], kind, image))

    @precondition(lambda self: self.world.ledger.images.asked)
    @rule(number=pick, kind=st.sampled_from(ANSWERS), image=images)
    def an_image_job_is_answered_late_or_again(self, number: int, kind: Answer, image: str) -> None:
        jobs = list(self.world.ledger.images.asked.values())
        self.world.report(answer(jobs[-1 - number % len(jobs)], kind, image))

    @rule(
        production=st.sampled_from(("shop", "shop", "shop", "blog")),
        stack=stacks,
        expires=st.sampled_from((None, 60, 3_600)),
        forks=st.booleans(),
        off=seldom,
    )
    def review_apps_are_turned_on_or_off(
        self, production: str, stack: str, expires: int | None, forks: bool, off: bool
    ) -> None:
        image = "registry.example/shop:pr-{number}-{short_sha}"
        if off:
            self.say(ReviewAppsDisabled(production=production))
        else:
            self.say(ReviewAppsEnabled(production=production, stack=stack, image=image, expires=expires, forks=forks))

    @rule(number=st.integers(1, 2), newer=later, fork=seldom, values=values, wrong=seldom)
    def a_pull_request_changes(
        self, number: int, newer: int, fork: bool, values: dict[str, ConfigValue], wrong: bool
    ) -> None:
        self.pull_requests += newer
        app_id = clone_id(review_app("shop", number), "else" if wrong else self.world.next_name)
        self.say(
            ReviewAppOpened(
                production="shop",
                number=number,
                sha="0123456789abcdef"[self.pull_requests % 16] * 40,
                at=self.pull_requests,
                app_id=app_id,
                fork=fork,
                values=values,
            )
        )

    @precondition(lambda self: self.world.team.reviews)
    @rule(number=pick, image=images)
    def a_review_app_is_deployed(self, number: int, image: str) -> None:
        names = list(self.world.team.reviews)
        self.say(DeployRequested(app=names[number % len(names)], image=image))

    @rule(number=st.integers(1, 2), newer=later)
    def a_pull_request_is_closed(self, number: int, newer: int) -> None:
        self.pull_requests += newer
        self.say(ReviewAppClosed(production="shop", number=number, at=self.pull_requests))
