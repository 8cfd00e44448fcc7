"""Random sequences of commands, reports and ticks, also doubled, late and reordered: the rules hold all the way."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule
from tests.unit.promoter.properties.drawn import (
    DRIVERS,
    IMAGES,
    JUMPS,
    STACKS,
    added,
    address,
    apps,
    changes,
    endings,
    images,
    pick,
    some_stacks,
    stacks,
    structure,
)
from tests.unit.promoter.properties.happenings import Happenings
from tests.unit.promoter.properties.registries import ANSWERS, Answer, answer, answer_all
from tests.unit.promoter.story import sealed

from ownstack_contracts.apps import (
    AppCreated,
    AppDestroyed,
    AppImportRequested,
    AppSettingsChanged,
    AppStackAdded,
    AppStackRemoved,
    LookRequested,
)
from ownstack_contracts.jobs import Live
from ownstack_contracts.message import Command
from ownstack_contracts.pipelines import PipelineCreated, StagingAdded
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionRequested
from ownstack_contracts.reports import StackChecked
from ownstack_contracts.rollouts import DeployRequested, RollbackRequested, RunRequested, StackRetryRequested
from ownstack_contracts.stacks import CheckRequested, StackChanged
from ownstack_contracts.teams import TeamCreated
from ownstack_promoter.domain import Refused

WANTED = os.environ.get("OWNSTACK_EXAMPLES")
EXAMPLES = int(WANTED or 200)
STEPS = 40


class Sequences(Happenings):
    """What a team, its deployers and the time may do."""

    def __init__(self) -> None:
        super().__init__()
        self.finishes = self.truthful = True

    @initialize(
        finishes=st.booleans(),
        drivers=st.sampled_from(DRIVERS),
        release_task=st.sampled_from(("each-stack", "first-stack")),
        postdeploy=st.sampled_from(("once-per-promotion", "once-per-app", "each-stack")),
        looked=st.booleans(),
        deployed=st.sampled_from((True, True, True, False)),
        found=st.booleans(),
        truthful=st.booleans(),
        configured=st.sampled_from((None, *STACKS)),
        reviewed=st.sampled_from((None, 60, 3_600)),
    )
    def a_team_with_a_pipeline(
        self,
        finishes: bool,
        drivers: tuple[str, ...],
        release_task: Any,
        postdeploy: Any,
        looked: bool,
        deployed: bool,
        found: bool,
        truthful: bool,
        configured: str | None,
        reviewed: int | None,
    ) -> None:
        self.finishes, self.truthful = finishes, truthful
        self.say(TeamCreated())
        for stack, driver in zip(STACKS, drivers, strict=True):
            self.say(added(stack, driver))
        if found:
            self.deployers.live[self.deployers.server("shop", "us-1")] = Live(image=IMAGES[1])
        self.say(AppCreated(app="shop-staging", stacks=("eu-1",)))
        self.say(AppCreated(app="shop", stacks=STACKS))
        self.say(AppCreated(app="blog", stacks=("eu-1", "us-1")))
        self.say(PipelineCreated(production="shop"))
        self.say(StagingAdded(production="shop", staging="shop-staging"))
        self.say(AppSettingsChanged(app="shop", release_task=release_task, postdeploy=postdeploy))
        self.variables_are_set("shop", configured, {"A": sealed("1")}, (), prune=False, deploy=True)
        if reviewed is not None:
            self.review_apps_are_turned_on_or_off("shop", "eu-1", reviewed, forks=False, off=False)
        if looked:
            self.deployers.finish(IMAGES[2])
        if deployed:
            self.say(DeployRequested(app="shop-staging", image=IMAGES[0]))
            self.deployers.finish(IMAGES[2])

    @rule(command=structure)
    def something_is_rebuilt(self, command: Command) -> None:
        self.say(command)

    @rule(app=apps, stack=stacks)
    def an_app_moves(self, app: str, stack: str) -> None:
        known = self.world.team.apps.get(app)
        is_there = known is not None and stack in known.stacks
        self.say(AppStackRemoved(app=app, stack=stack) if is_there else AppStackAdded(app=app, stack=stack))

    @rule(app=apps, on=some_stacks)
    def an_app_comes_or_goes(self, app: str, on: tuple[str, ...]) -> None:
        self.say(AppDestroyed(app=app) if app in self.world.team.apps else AppCreated(app=app, stacks=on))

    @rule(app=apps, changes=changes)
    def settings_change(self, app: str, changes: dict[str, Any]) -> None:
        self.say(AppSettingsChanged(app=app, **changes))

    @rule(app=apps, image=images, on=st.none() | some_stacks.filter(bool), redeploy=st.booleans())
    def an_image_is_deployed(self, app: str, image: str, on: tuple[str, ...] | None, redeploy: bool) -> None:
        self.say(DeployRequested(app=app, image=image, stacks=on, redeploy=redeploy))

    @rule(app=apps, image=images, stack=stacks)
    def an_image_is_deployed_where_a_stack_holds_it_already(self, app: str, image: str, stack: str) -> None:
        self.say(DeployRequested(app=app, image=image, stacks=(stack,)))
        for request in self.deployers.open_requests():
            self.deployers.work(request, "good")
        self.say(DeployRequested(app=app, image=image))

    @rule(
        app=st.sampled_from(("shop-staging",) * 6 + ("shop", "blog")),
        release=st.sampled_from((None,) * 5 + (1, 2)),
        on=st.none() | some_stacks.filter(bool),
        redeploy=st.booleans(),
    )
    def a_release_is_promoted(self, app: str, release: int | None, on: Any, redeploy: bool) -> None:
        self.say(PromotionRequested(app=app, release=release, stacks=on, redeploy=redeploy))

    @precondition(lambda self: "shop-staging" in self.world.team.apps)
    @rule(looked=st.booleans(), times=st.integers(1, 2), kind=st.none() | st.sampled_from(ANSWERS), image=images)
    def a_promotion_comes_to_its_image_job(self, looked: bool, times: int, kind: Answer | None, image: str) -> None:
        """It starts at once, where nothing else is under way, or waits for its turn."""
        for _ in range(times):
            release = None if looked else max(self.world.team.apps["shop-staging"].releases, default=None)
            self.say(PromotionRequested(app="shop-staging", release=release, redeploy=True))
            for request in self.deployers.open_requests():
                if request.app == "shop-staging":
                    self.deployers.work(request, "good")
        if kind is not None:
            for job in list(self.world.team.image_jobs.values()):
                self.world.report(answer(job, kind, image))

    @rule(app=apps, release=st.sampled_from((None, None, 1, 2)), on=st.none() | some_stacks.filter(bool))
    def an_app_is_rolled_back(self, app: str, release: int | None, on: Any) -> None:
        self.say(RollbackRequested(app=app, release=release, stacks=on, acknowledge_migrations=True))

    @rule(app=apps, stack=st.none() | stacks)
    def an_app_is_looked_at(self, app: str, stack: str | None) -> None:
        self.say(LookRequested(app=app, stack=stack))

    @rule(app=apps, stack=stacks)
    def a_command_is_run(self, app: str, stack: str) -> None:
        self.say(RunRequested(app=app, stack=stack, command=("true",)))

    @rule(app=apps, stack=stacks, there=st.booleans())
    def an_app_is_taken_over(self, app: str, stack: str, there: bool) -> None:
        if there and app not in self.world.team.apps and stack in self.world.team.stacks:
            self.deployers.live.setdefault(self.deployers.server(app, stack), Live(image=IMAGES[2]))
        self.say(AppImportRequested(app=app, stack=stack, config=True))

    @rule(stack=stacks, answered=st.booleans())
    def a_stack_is_checked(self, stack: str, answered: bool) -> None:
        self.say(CheckRequested(stack=stack))
        for job in list(self.world.team.checks) if answered else ():
            self.world.report(StackChecked(job=job, stack=stack, deployer="d1"))

    @rule(
        app=apps,
        stack=stacks,
        live=st.sampled_from((Live(image=IMAGES[0]), Live(image=IMAGES[1]), Live(reference="dokku/x:latest"))),
    )
    def somebody_deploys_past_us(self, app: str, stack: str, live: Live) -> None:
        if stack in self.world.team.stacks and (server := self.deployers.server(app, stack)) in self.deployers.live:
            self.deployers.live[server] = live

    @rule(stack=stacks, server=st.integers(1, 2), copied=st.booleans())
    def a_stack_moves(self, stack: str, server: int, copied: bool) -> None:
        """To another server, which holds what it held when the stack was there, or a copy of what the stack holds."""
        known = self.world.team.stacks.get(stack)
        if known is None:
            return
        before, there = known.address, address(stack, known.driver, server)
        moved = self.say(StackChanged(stack=stack, address=there))
        if copied and not isinstance(moved, Refused):
            for (app, on, at), live in list(self.deployers.live.items()):
                if (on, at) == (stack, before):
                    self.deployers.live[app, stack, there] = live

    def promotions(self) -> list[str]:
        """Those that are known."""
        opened = [r.id for r in self.world.team.rollouts.values() if r.kind == "promotion"]
        return opened + list(self.world.team.lookings)

    @precondition(lambda self: self.promotions())
    @rule(number=pick)
    def a_promotion_is_cancelled(self, number: int) -> None:
        known = self.promotions()
        self.say(PromotionCancelRequested(promotion=known[number % len(known)]))

    def missing(self) -> list[tuple[str, str]]:
        """The apps and stacks that a release has not come to yet."""
        rollouts = self.world.team.rollouts.values()
        return [(r.app, d.stack) for r in rollouts for d in r.deployments.values() if not d.holds]

    @precondition(lambda self: self.missing())
    @rule(number=pick)
    def a_stack_is_retried(self, number: int) -> None:
        missing = self.missing()
        app, stack = missing[number % len(missing)]
        self.say(StackRetryRequested(app=app, stack=stack))

    @precondition(lambda self: any(rollout.postdeploys for rollout in self.world.team.rollouts.values()))
    @rule(app=apps)
    def a_script_is_retried(self, app: str) -> None:
        self.say(StackRetryRequested(app=app, postdeploy=True))

    @rule(number=pick)
    def a_command_comes_again(self, number: int) -> None:
        name, command = self.world.said[number % len(self.world.said)]
        if self.world.log.has_answered(name, self.world.now):
            assert self.world.command(command, name) == []

    @precondition(lambda self: self.world.team.jobs)
    @rule(number=pick, ending=endings)
    def a_deployer_does_a_job(self, number: int, ending: str) -> None:
        requests = self.deployers.open_requests()
        self.deployers.work(requests[number % len(requests)], ending)

    @precondition(lambda self: self.world.team.jobs)
    @rule(ending=endings)
    def deployers_do_all_that_was_asked(self, ending: str) -> None:
        if ending != "silent":
            answer_all(self.world, IMAGES[1])
        for request in self.deployers.open_requests():
            self.deployers.work(request, ending)

    @precondition(lambda self: self.world.ledger.requests)
    @rule(number=pick)
    def a_job_is_claimed(self, number: int) -> None:
        requests = list(self.world.ledger.requests.values())
        self.deployers.claim(requests[-1 - number % len(requests)])

    @precondition(lambda self: self.deployers.runs)
    @rule(number=pick)
    def a_claim_comes_again(self, number: int) -> None:
        run = self.deployers.runs[-1 - number % len(self.deployers.runs)]
        self.deployers.claim(run.request, run)

    @precondition(lambda self: self.deployers.runs)
    @rule(number=pick, good=st.booleans(), times=st.integers(1, 2))
    def a_run_ends(self, number: int, good: bool, times: int) -> None:
        run = self.deployers.runs[-1 - number % len(self.deployers.runs)]
        outcome = self.deployers.end(run, good=good)
        for _ in range(times):
            self.world.report(outcome)

    @precondition(lambda self: self.deployers.runs and not self.truthful)
    @rule(number=pick, what=pick, image=images)
    def a_run_says_anything(self, number: int, what: int, image: str) -> None:
        run = self.deployers.runs[-1 - number % len(self.deployers.runs)]
        self.deployers.anything(run, what, image)

    @precondition(lambda self: self.world.team.grants)
    @rule(number=pick)
    def a_lease_lapses(self, number: int) -> None:
        places = sorted(self.world.team.grants)
        self.deployers.lapse(places[number % len(places)])

    @rule(seconds=st.sampled_from(JUMPS))
    def time_passes(self, seconds: int) -> None:
        self.world.now += seconds * 1_000
        self.world.tick()

    def teardown(self) -> None:
        """Everything comes to its end, whether deployers go on or not."""
        if self.finishes:
            self.deployers.finish(IMAGES[2])
            self.deployers.tell_again()
            self.deployers.finish(IMAGES[2])  # what was told late may want another look
            for app in [app.name for app in self.world.team.apps.values() if app.stacks]:
                self.say(LookRequested(app=app))
            self.deployers.finish(IMAGES[2])
            if self.truthful:
                self.deployers.check_what_is_known()
        else:
            self.deployers.give_up()
        team = self.world.team
        assert self.world.ledger.without_end == set()
        assert {name: job.kind for name, job in team.jobs.items() if job.kind != "look"} == {}
        assert team.grants == {}
        assert (team.lookings, team.imports, team.checks) == ({}, {}, {})
        assert (team.resolvings, team.image_jobs) == ({}, {})
        assert self.world.ledger.images.open == {}
        assert self.world.ledger.reviews.going == set(), "review apps that do not go"
        assert [app.name for app in team.apps.values() if app.active or app.queue] == []
        self.world.check_history()


TestSequences = Sequences.TestCase
TestSequences.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    derandomize=WANTED is None,
    deadline=None,
    database=None,
    print_blob=True,
)

# Cut short by the usual limit, on a slow machine, it would look like a sequence that fails, and be shrunk for minutes.
TestSequences.pytestmark = [pytest.mark.timeout(900)]
