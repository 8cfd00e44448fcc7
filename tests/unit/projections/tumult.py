"""A team to which anything happens: commands that hold or not, runs that work, fail, lapse and report late, time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from tests.bench.histories import Chronicle, image, live_of
from tests.unit.projections.asking import sealed

from ownstack_contracts.apps import (
    AppCreated,
    AppDestroyed,
    AppImportRequested,
    AppSettingsChanged,
    AppStackAdded,
    AppStackRemoved,
    LookRequested,
)
from ownstack_contracts.config import ConfigSet, ConfigValues
from ownstack_contracts.images import (
    ImageAwaited,
    ImageNotResolved,
    ImageResolved,
    ImageResolveRequested,
    ImageRetagged,
    ImageRetagSkipped,
)
from ownstack_contracts.jobs import Live, StackDeployRequested
from ownstack_contracts.leases import JobClaimed, LeaseLapsed, LeaseReturned
from ownstack_contracts.message import Message
from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved, StageRemoved, StagingAdded
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionRequested
from ownstack_contracts.reports import (
    PostdeployFailed,
    PostdeployStarted,
    PostdeploySucceeded,
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackAppRemovalFailed,
    StackAppRemoved,
    StackChecked,
    StackDeployFailed,
    StackDeploySucceeded,
    StackLookFailed,
    StackObserved,
    StackRunEnded,
    StackRunFailed,
)
from ownstack_contracts.reviews import (
    AppCloned,
    ReviewAppClosed,
    ReviewAppOpened,
    ReviewAppsDisabled,
    ReviewAppsEnabled,
    clone_id,
    review_app,
)
from ownstack_contracts.rollouts import DeployRequested, RollbackRequested, RunRequested, StackRetryRequested
from ownstack_contracts.stacks import CheckRequested, StackAdded, StackChanged, StackRemoved

APPS = ("shop", "shop-staging", "docs", "shop", "shop-staging", review_app("shop", 1))
"""Some of them are those that happen most often."""
STACKS = ("eu-1", "eu-2", "staging-1", "us-1")


def tumult(chronicle: Chronicle, seed: int, length: int = 200) -> Chronicle:
    """Let so much happen, one after another; the seed says what."""
    random = Random(seed)
    kinds = [*_COMMANDS, _clone, _open_review, _wait, _check, _answer, _work, _finish]
    weights = [*_WEIGHTS, 2, 3, 1, 1, 10, 25, 25]
    for _ in range(length):
        (what,) = random.choices(kinds, weights)
        happened = what(chronicle, random.randrange(12), random.randrange(12))
        if isinstance(happened, Message):
            chronicle.say(happened)
    return chronicle


def _wait(chronicle: Chronicle, _: int, how: int) -> None:
    chronicle.wait((1, 600, 4_000)[how % 3])


def _app(number: int) -> str:
    return APPS[number % len(APPS)]


def _stack(number: int) -> str:
    return STACKS[number % len(STACKS)]


def _promotion(chronicle: Chronicle, number: int) -> str:
    known = sorted({*chronicle.team.rollouts, *chronicle.team.lookings})
    return known[number % len(known)] if known else "none"


def _stacks(number: int) -> tuple[str, ...] | None:
    return None if number % 3 else (_stack(number),)


_COMMANDS: Sequence[Callable[[Chronicle, int, int], Message]] = (
    lambda _, who, how: DeployRequested(app=_app(who), image=image(how % 4), stacks=_stacks(how), redeploy=how == 5),
    lambda _, who, how: DeployRequested(app=_app(who), image=image(how % 4)),
    lambda _, who, how: PromotionRequested(app=_app(who), redeploy=how == 7),
    lambda _, who, how: PromotionRequested(app="shop-staging", release=how),
    lambda chronicle, who, _: PromotionCancelRequested(promotion=_promotion(chronicle, who)),
    lambda _, who, how: StackRetryRequested(app=_app(who), stack=_stack(how)),
    lambda _, who, __: StackRetryRequested(app=_app(who), postdeploy=True),
    lambda _, who, how: AppStackAdded(app=_app(who), stack=_stack(how)),
    lambda _, who, how: AppStackRemoved(app=_app(who), stack=_stack(how)),
    lambda _, who, how: AppCreated(app=_app(who), stacks=STACKS[: how % 4]),
    lambda _, who, __: AppDestroyed(app=_app(who)),
    lambda _, who, how: AppSettingsChanged(
        app=_app(who),
        release_task=("each-stack", "first-stack")[how % 2],  # type: ignore[arg-type]  # one of the two
        postdeploy=("once-per-promotion", "once-per-app", "each-stack")[how % 3],  # type: ignore[arg-type]  # one of them
        retag=(None, True, False, None)[how % 4],
        retag_to=(None, "registry.example/released", "")[who % 3],
    ),
    lambda _, who, how: StackRemoved(stack=_stack(who), forget=how % 2 == 0),
    lambda _, who, how: StackAdded(
        stack=_stack(who),
        driver=("noop", "program")[how % 2],  # type: ignore[arg-type]  # one of them
        address=f"/{how}",
    ),
    lambda _, who, __: PipelineCreated(production=_app(who)),
    lambda _, who, __: PipelineRemoved(production=_app(who)),
    lambda _, who, how: StagingAdded(production=_app(who), staging=_app(how), before=None if how % 2 else _app(who)),
    lambda _, who, how: StageRemoved(production=_app(who), stage=_app(how)),
    lambda _, who, how: RollbackRequested(
        app=_app(who), release=how or None, stacks=_stacks(how), acknowledge_migrations=how % 4 > 0
    ),
    lambda _, who, how: RunRequested(app=_app(who), stack=_stack(how), command=("rake", str(how))),
    lambda _, who, how: LookRequested(app=_app(who), stack=_stack(how) if how % 2 else None),
    lambda _, who, how: AppImportRequested(app=_app(who), stack=_stack(how), config=how % 2 == 0),
    lambda _, who, how: StackChanged(
        stack=_stack(who), address=f"/{how}" if how % 2 else None, settings={"port": str(how) if how % 3 else ""}
    ),
    lambda _, who, __: CheckRequested(stack=_stack(who)),
    lambda _, who, how: DeployRequested(app=_app(who), image=f"registry.example/shop:tag-{how % 4}"),
    lambda chronicle, who, how: _config(chronicle, _app(who), how),
    lambda _, who, how: ReviewAppsEnabled(
        production=_app(who),
        stack=_stack(how),
        image="registry.example/shop:pr-{number}-{short_sha}",
        expires=(None, 60, 3_600)[how % 3],
        forks=how % 2 == 0,
    ),
    lambda _, who, __: ReviewAppsDisabled(production=_app(who)),
    lambda chronicle, who, _: ReviewAppClosed(production="shop", number=who % 2 + 1, at=chronicle.now),
)


def _config(chronicle: Chronicle, app: str, how: int) -> ConfigSet:
    """Of three variables some are set, and some are not any more; in any scope."""
    known = chronicle.team.apps.get(app)
    names = ("A", "B", "C")
    return ConfigSet(
        app=app,
        app_id=known.id if known is not None and how != 11 else f"{app}.0",
        stack=_stack(how) if how % 3 == 0 else None,
        review=how % 4 == 1 and how % 3 > 0,
        values=_values(how),
        unset=tuple(name for name in names[how % 3 :] if name not in _values(how)) if how % 2 else (),
        prune=how == 6,
        deploy=how % 5 > 1,
    )


def _values(how: int) -> ConfigValues:
    return {name: sealed(f"{name}{how % 2}", secret=how % 3 > 0) for name in ("A", "B", "C")[how % 4 :]}


def _clone(chronicle: Chronicle, who: int, how: int) -> None:
    """With the id that its command makes."""
    name, command = ("copy", *APPS)[how % 4], f"clone-{chronicle.now}"
    app_id = clone_id(name, command)
    message = AppCloned(
        source=_app(who), app=name, app_id=app_id, stack=_stack(how), values=_values(how), deploy=how % 2 == 0
    )
    chronicle.say(message, id=command)


def _open_review(chronicle: Chronicle, who: int, how: int) -> None:
    """A pull request is as it is now, or as it was a while ago."""
    number, command, at = who % 2 + 1, f"pr-{chronicle.now}", chronicle.now - (5_000 if how == 3 else 0)
    message = ReviewAppOpened(
        production=("shop", "docs")[how == 7],
        number=number,
        sha=f"{how:x}" * 40,
        at=at,
        app_id=clone_id(review_app("shop", number), command),
        fork=how % 5 == 0,
        values=_values(how),
    )
    chronicle.say(message, id=command)


def _answer(chronicle: Chronicle, who: int, how: int) -> None:
    """A registry answers, or a deployer for it; sometimes what nobody has asked."""
    jobs = list(chronicle.team.image_jobs.values())
    if not jobs:
        return
    job = jobs[who % len(jobs)]
    about, failed = {"job": job.job, "app": job.app}, {"code": "registry", "message": "It said no."}
    waits = ImageAwaited(**about, message=f"Not there yet ({how}).", until=chronicle.now + 1_000)
    asked = isinstance(job, ImageResolveRequested) == (how != 11)
    if how > 4:
        chronicle.ask_registry(job)
    elif asked:
        chronicle.say(
            (waits, waits, ImageNotResolved(**about, **failed), ImageResolved(**about, image=image(how)))[how % 4]
        )
    else:
        tagged = ImageRetagged(**about, image=image(how))
        chronicle.say((ImageRetagSkipped(**about, **failed), tagged)[how % 2])


_WEIGHTS = (6, 6, 6, 3, 3, 6, 2, 2, 1, 2, 1, 2, 1, 2, 1, 1, 2, 1, 3, 3, 2, 2, 1, 1, 4, 8, 2, 1, 1)
"""How often each command is given: those that begin something more than those that end it."""


def _work(chronicle: Chronicle, who: int, how: int) -> None:
    """A run claims a job, or the one that holds a place reports; or a run of a job that is over does, too late."""
    team = chronicle.team
    if how == 11:
        chronicle.say(_late(chronicle, who))
    elif team.grants and how > 2:
        (app, where), grant = list(team.grants.items())[who % len(team.grants)]
        chronicle.say(_report(chronicle, (app, where.partition("#")[0]), grant.job, grant.run, how))
    elif team.jobs:
        job = list(team.jobs.values())[who % len(team.jobs)].request
        chronicle.say(JobClaimed(job=job.job, run=f"run-{chronicle.now}", app=job.app, stack=job.stack))


def _finish(chronicle: Chronicle, who: int, _: int) -> None:
    """All goes well with a job that nobody works on; a script that has begun once is not begun again."""
    idle = [
        job.request
        for job in chronicle.team.jobs.values()
        if job.place not in chronicle.team.grants and not (job.kind in ("postdeploy", "run") and job.uncertain)
    ]
    if idle:
        chronicle.work(idle[who % len(idle)])


def _report(chronicle: Chronicle, place: tuple[str, str], job: str, run: str, how: int) -> Message:
    about = {"job": job, "run": run, "app": place[0], "stack": place[1]}
    known = chronicle.team.jobs.get(job)
    if known is None or how == 3:
        return LeaseLapsed(**about)
    if how == 4:
        return LeaseReturned(**about)
    failed = {"code": "exit-1", "message": "It failed."}
    if known.kind == "look":
        live = Live(image=image(how % 4)) if how > 5 else Live(reference=f"dokku/shop:{how}")
        return (StackObserved(**about), StackObserved(**about, live=live), StackLookFailed(**about, **failed))[how % 3]
    if known.kind == "run":
        return StackRunEnded(**about, exit_code=how, lines=0) if how % 2 else StackRunFailed(**about, **failed)
    if known.kind == "remove":
        return StackAppRemoved(**about) if how % 2 else StackAppRemovalFailed(**about, **failed)
    if known.kind == "postdeploy":
        return (PostdeployStarted(**about), PostdeploySucceeded(**about), PostdeployFailed(**about, **failed))[how % 3]
    assert isinstance(known.request, StackDeployRequested)
    live = live_of(known.request, chronicle.team.name)
    return (
        ReleaseTaskStarted(**about),
        ReleaseTaskSucceeded(**about, ran=how != 7),
        RestartStarted(**about),
        StackDeploySucceeded(**about, live=live, postdeploy_done=how == 9, unchanged=how == 9),
        StackDeployFailed(**about, **failed, phase="release-task", release_task_began=how != 10),
        StackDeployFailed(**about, **failed, phase="restart", live=live),
    )[how % 6]


def _check(chronicle: Chronicle, who: int, _: int) -> None:
    """A deployer answers a check."""
    if waiting := list(chronicle.team.checks.values()):
        check = waiting[who % len(waiting)]
        chronicle.say(StackChecked(job=check.job, stack=check.stack, deployer="d1"))


def _late(chronicle: Chronicle, who: int) -> Message:
    """What a run saw whose job is over."""
    live = Live(image=image(who % 4), generation=who, deployment="gone", release=who % 3, team="acme", app_id="shop.9")
    return StackObserved(job="gone.1", run="gone", app=_app(who), stack=_stack(who), live=None if who == 0 else live)
