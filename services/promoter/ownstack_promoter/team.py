"""A team: the unit of order. Its look-ups refuse in one place, so that no rule is buried under ifs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ownstack_contracts.jobs import StackCheckRequested
from ownstack_promoter.model import App, Grant, Import, Job, Looking, Pipeline, Place, Release, Rollout, Stack
from ownstack_promoter.refused import Refused
from ownstack_promoter.timers import Timers


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

    def refuse_busy(self, app: App) -> None:
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
        contents = {(h.content if (h := app.live.get(s)) else None) for s in app.stacks}
        if len(contents) != 1 or (content := contents.pop()) is None:
            return None
        return newest(app.releases, content)


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


def newest(releases: dict[int, Release], content: tuple[str, str]) -> int | None:
    """The highest number of a release with this digest and config."""
    return next((n for n in sorted(releases, reverse=True) if releases[n].content == content), None)


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names for a sentence; beyond `most` only their number."""
    every = list(names)
    if len(every) <= most:
        return ", ".join(every)
    return f"{', '.join(every[:most])} and {len(every) - most} more"
