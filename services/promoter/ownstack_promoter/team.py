"""A team: the unit of order. Its look-ups refuse in one place, so that no rule is buried under ifs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ownstack_contracts.images import ImageJob
from ownstack_contracts.jobs import StackCheckRequested
from ownstack_promoter.model import App, Import, Pipeline, Release, Review, Stack
from ownstack_promoter.refused import Refused
from ownstack_promoter.timers import Timers
from ownstack_promoter.underway import Grant, Job, Looking, Place, Resolving, Rollout


@dataclass(slots=True)
class Team:
    """All that decisions about one team rest on."""

    name: str
    created: bool = False
    sequence: int = 0
    stacks: dict[str, Stack] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    pipelines: dict[str, Pipeline] = field(default_factory=dict)
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    """Those that are open, and of each app the one that started last."""
    jobs: dict[str, Job] = field(default_factory=dict)
    grants: dict[Place, Grant] = field(default_factory=dict)
    generations: dict[Place, int] = field(default_factory=dict)
    """Own and observed, also across re-creations of an app."""
    job_numbers: dict[Place, int] = field(default_factory=dict)
    looking: dict[Place, str] = field(default_factory=dict)
    """Where a look is open: its job."""
    lookings: dict[str, Looking] = field(default_factory=dict)
    """Promotions that look at their source."""
    awaited: dict[str, str] = field(default_factory=dict)
    """Per look that is open, the promotion that waits for it."""
    imports: dict[str, Import] = field(default_factory=dict)
    """By the name of the app that is being taken over."""
    checks: dict[str, StackCheckRequested] = field(default_factory=dict)
    """Checks of stacks that nobody has answered yet, by their job."""
    resolvings: dict[str, Resolving] = field(default_factory=dict)
    """Deployments of a tag, by the rollout that they will be."""
    image_jobs: dict[str, ImageJob] = field(default_factory=dict)
    """What is asked of registries, and not answered yet, by its job."""
    reviews: dict[str, Review] = field(default_factory=dict)
    """Review apps, by the name of the app."""
    closed_reviews: dict[tuple[str, int], int] = field(default_factory=dict)
    """When pull requests were closed whose review apps are gone, in ms: what comes later may be older."""
    timers: Timers = field(default_factory=Timers)

    def stack(self, name: str) -> Stack:
        """Refuses an unknown stack."""
        if (stack := self.stacks.get(name)) is None:
            raise Refused("stack-unknown", f"There is no stack {name}.", hint="ownstack stack list")
        return stack

    def app(self, name: str) -> App:
        """Refuses an unknown app."""
        if (app := self.apps.get(name)) is None:
            raise Refused("app-unknown", f"There is no app {name}.", hint="ownstack app list")
        return app

    def app_on(self, name: str, stack: str) -> App:
        """Refuses an unknown app, and a stack that it is not on."""
        app = self.app(name)
        if stack not in app.stacks:
            raise Refused(
                "stack-not-of-app",
                f"{name} is not on {stack}; it is on {listed(app.stacks) or 'no stack'}.",
                hint=f"ownstack app add-stack {name} {stack}",
            )
        return app

    def pipeline(self, production: str) -> Pipeline:
        """Refuses an app that has no pipeline."""
        if (pipeline := self.pipelines.get(production)) is None:
            raise Refused(
                "pipeline-unknown",
                f"{production} has no pipeline.",
                hint=f"ownstack app pipeline create {production}",
            )
        return pipeline

    def pipeline_with(self, app: str) -> Pipeline | None:
        """The pipeline that `app` is a stage of."""
        return next((p for p in self.pipelines.values() if app in p.stages), None)

    def open_rollouts(self, app: App) -> Iterator[Rollout]:
        """The one under way, then those that wait, in order."""
        for rollout in ([app.active] if app.active else []) + app.queue:
            yield self.rollouts[rollout]

    def resolving(self, app: App) -> list[Resolving]:
        """The deployments of the app whose images are being found."""
        return [waiting for waiting in self.resolvings.values() if waiting.app == app.name]

    def occupy(self, app: App, rollout: str) -> None:
        """Fold: something of this rollout is under way, so nothing else of the app starts."""
        app.active = rollout
        self.timers.cancel(f"close:{app.name}")

    def leave_to(self, app: str, rollout: str, stacks: Iterable[str]) -> None:
        """Fold: deployments that wait for their image leave these stacks to a newer rollout."""
        taken = frozenset(stacks)
        for waiting in self.resolvings.values():
            if waiting.id == rollout:
                return  # those that follow are newer
            if waiting.app == app:
                waiting.stacks = tuple(stack for stack in waiting.stacks if stack not in taken)

    def close_image_job(self, job: str | None) -> None:
        """Fold: nobody waits for its answer any more."""
        if job is not None and self.image_jobs.pop(job, None) is not None:
            self.timers.cancel(f"image:{job}")

    def forget_review(self, app: str) -> None:
        """Fold: it is no review app any more; when its pull request was as it was known is remembered."""
        if (review := self.reviews.pop(app, None)) is not None:
            self.closed_reviews[review.production, review.number] = review.at
            self.timers.cancel(f"expire:{app}")
            self.timers.cancel(f"close:{app}")

    def refuse_busy(self, app: App) -> None:
        """Refuses while a rollout of the app is under way or waits, also for an image, or a promotion looks at its
        source."""
        self.refuse_under_way(app)
        for resolving in self.resolving(app):
            raise Refused(
                "rollout-active", f"{app.name} waits for an image: {resolving.reference}.", hint="wait for its end"
            )

    def refuse_under_way(self, app: App) -> None:
        """Refuses while a rollout of the app is under way or waits, or a promotion looks at its source."""
        for looking in self.lookings.values():
            if app.name in (looking.source, looking.target):
                raise promotion_open(app.name, looking.id, looking.source, looking.target)
        for rollout in self.open_rollouts(app):
            raise Refused(
                "rollout-active",
                f"{app.name} has a rollout under way: {rollout.kind} {rollout.id}.",
                hint=f"ownstack promotion cancel {rollout.id}" if rollout.kind == "promotion" else "wait for its end",
            )

    def generation(self, app: str, stack: str) -> int:
        """The highest generation asked for or seen there."""
        return self.generations.get((app, stack), 0)

    def is_awaited(self, look: str) -> bool:
        """Whether a promotion or an import waits for what this look sees."""
        return look in self.awaited or any(waiting.job == look for waiting in self.imports.values())

    def end_looking(self, promotion: str) -> None:
        """Fold: the promotion does not look at its source any more."""
        if (looking := self.lookings.pop(promotion, None)) is not None:
            for look in looking.looks:
                self.awaited.pop(look, None)

    def is_idle_at(self, place: Place) -> bool:
        """Whether nobody holds a grant there."""
        return place not in self.grants

    def current_release(self, app: App) -> int | None:
        """The newest release that is live on all stacks of the app; None if there is none."""
        digests = {(h.digest if (h := app.live.get(s)) else None) for s in app.stacks}
        if len(digests) != 1 or (digest := digests.pop()) is None:
            return None
        held = [(stack, app.live[stack].content) for stack in app.stacks]
        for number in _newest_first(app.releases, digest):
            release = app.releases[number]
            if all(content == release.content_on(stack) for stack, content in held):
                return number
        return None


def refuse_stackless(app: App) -> None:
    """Refuses an app that is nowhere."""
    if not app.stacks:
        raise Refused(
            "app-without-stacks", f"{app.name} is on no stack.", hint=f"ownstack app add-stack {app.name} STACK"
        )


def promotion_open(app: str, promotion: str, source: str, target: str) -> Refused:
    """The refusal of what can't be done to an app while a promotion from or to it is open."""
    return Refused(
        "promotion-open",
        f"{app} has an open promotion: {promotion}, from {source} to {target}.",
        hint=f"ownstack promotion cancel {promotion}",
    )


def newest(releases: dict[int, Release], digest: str | None) -> int | None:
    """The highest number of a release of this image, whatever its config."""
    return next(_newest_first(releases, digest), None)


def _newest_first(releases: dict[int, Release], digest: str | None) -> Iterator[int]:
    return (number for number in sorted(releases, reverse=True) if releases[number].digest == digest)


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names for a sentence; beyond `most` only their number."""
    every = list(names)
    if len(every) <= most:
        return ", ".join(every)
    return f"{', '.join(every[:most])} and {len(every) - most} more"
