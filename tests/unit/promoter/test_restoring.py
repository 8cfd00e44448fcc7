"""Restoring: the history gives the state back; a decision that was cut anywhere is completed, or said to be cut."""

from __future__ import annotations

import copy

import pytest
from tests.unit.promoter.owner import Owned
from tests.unit.promoter.story import A, B, C, known_live, live_of, names, of, one, report, sealed

from ownstack_contracts.apps import (
    AppCreated,
    AppDestroyed,
    AppImported,
    AppImportRequested,
    AppSettingsChanged,
    StackAppLeftBehind,
)
from ownstack_contracts.config import ConfigErased, ConfigSet
from ownstack_contracts.history import is_intact
from ownstack_contracts.images import (
    ImageAwaited,
    ImageResolved,
    ImageResolveRequested,
    ImageRetagged,
    ImageRetagRequested,
    ImageRetagSkipped,
)
from ownstack_contracts.jobs import (
    Live,
    PostdeployRequested,
    StackAppRemovalRequested,
    StackCheckRequested,
    StackDeployRequested,
    StackJob,
    StackLookRequested,
    StackRunRequested,
)
from ownstack_contracts.leases import JobClaimed, JobGranted, LeaseLapsed
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
from ownstack_contracts.pipelines import PipelineCreated, StagingAdded
from ownstack_contracts.promotions import PromotionBegun, PromotionEnd, PromotionOpened, PromotionRequested
from ownstack_contracts.rejections import DecisionCut
from ownstack_contracts.reports import (
    PostdeploySucceeded,
    ReleaseTaskStarted,
    StackDeployFailed,
    StackDeploySucceeded,
    StackObserved,
    StackRunEnded,
)
from ownstack_contracts.reviews import AppCloned, ReviewAppClosed, ReviewAppOpened, ReviewAppsEnabled, clone_id
from ownstack_contracts.rollouts import (
    DeployBegun,
    DeployEnd,
    DeployOpened,
    DeployRequested,
    RollbackRequested,
    RunRequested,
    StackRetryRequested,
)
from ownstack_contracts.stacks import CheckRequested, StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS, DEPLOYS, HISTORY, REPORTS
from ownstack_promoter.leasing import AtStart
from ownstack_promoter.restoring import HistoryDamaged
from ownstack_promoter.underway import place_of


class Played(Owned):
    """A story on a partition, with a deployer that does as it is told. `found`: what its looks see, if anything new."""

    found: Live | None = None

    def run(self, request: StackJob, run: str) -> None:
        """A run claims the job; deployments, scripts and looks end well."""
        self.say(JobClaimed(job=request.job, run=run, app=request.app, stack=request.stack))
        if isinstance(request, StackDeployRequested):
            self.say(ReleaseTaskStarted(**report(request, run)))
            self.say(StackDeploySucceeded(**report(request, run), live=live_of(request)))
        elif isinstance(request, PostdeployRequested):
            self.say(PostdeploySucceeded(**report(request, run)))
        elif isinstance(request, StackLookRequested):
            self.say(
                StackObserved(**report(request, run), live=self.found or known_live(self.team, *place_of(request)))
            )
        elif isinstance(request, StackRunRequested):
            self.say(StackRunEnded(**report(request, run), exit_code=0, lines=0))

    def answer_images(self) -> None:
        """Tags are resolved, and images tagged, one of them not."""
        for job in list(self.team.image_jobs.values()):
            about = {"job": job.job, "app": job.app}
            if isinstance(job, ImageResolveRequested):
                self.say(ImageAwaited(**about, message="It is not there yet.", until=job.missing_until))
                self.say(ImageResolved(**about, image=f"{job.reference}@{digest_of(C)}"))
            elif isinstance(job, ImageRetagRequested) and job.release > 2:
                self.say(ImageRetagged(**about, image=job.image.replace("@", f":{job.tag}@")))
            else:
                self.say(ImageRetagSkipped(**about, code="no-credentials", message="There are none."))

    def run_all(self) -> None:
        """All jobs that are open end well."""
        for _ in range(10):
            self.answer_images()
            for job in list(self.team.jobs.values()):
                if job.place not in self.team.grants:
                    self.run(job.request, f"run-of-{job.request.job}-{self.lists.now}")
            self.lists.now += 1

    @property
    def team(self):  # type: ignore[no-untyped-def]
        return self.owner.state.log("acme").team


def story() -> Played:
    """Two apps, promotions of which one waits behind the other, a failure, a retry, an expiry, a removal."""
    played = Played()
    played.say(TeamCreated())
    for stack in ("s-1", "eu-1", "us-1", "ap-1"):
        played.say(StackAdded(stack=stack, driver="noop"))
    played.say(AppCreated(app="staging", stacks=("s-1",)))
    played.say(AppCreated(app="shop", stacks=("eu-1", "us-1", "ap-1")))
    played.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    played.run_all()
    played.say(PipelineCreated(production="shop"))
    played.say(StagingAdded(production="shop", staging="staging"))
    played.say(DeployRequested(app="staging", image=A), id="d1")
    played.run_all()
    look = one(StackLookRequested, played.say(PromotionRequested(app="staging"), id="p1"))
    played.run(look, "look")
    played.answer_images()
    first = next(j.request for j in played.team.jobs.values() if isinstance(j.request, StackDeployRequested))
    played.say(DeployRequested(app="shop", image=B, stacks=("eu-1",)), id="d2")
    played.say(DeployRequested(app="shop", image=C), id="d3")
    played.say(JobClaimed(job=first.job, run="r1", app="shop", stack="eu-1"))
    failed = StackDeployFailed(**report(first, "r1"), phase="release-task", code="exit-1", message="no")
    played.say(failed)
    played.run_all()
    played.say(DeployRequested(app="shop", image=B), id="d4")
    played.lists.now += 900_000
    played.wake()
    played.say(StackRetryRequested(app="shop", stack="eu-1"), id="t1")
    played.run_all()
    played.say(AppSettingsChanged(app="staging", postdeploy="each-stack"))
    script = one(StackDeployRequested, played.say(DeployRequested(app="staging", image=C), id="d5"))
    played.run(script, "r5")
    script_job = next(j.request for j in played.team.jobs.values() if j.kind == "postdeploy")
    played.say(JobClaimed(job=script_job.job, run="r6", app="staging", stack="s-1"))
    played.lists.now += 15_000
    played.wake()
    played.say(AppCreated(app="other", stacks=("eu-1", "us-1")))
    played.say(AppDestroyed(app="other"))
    played.say(RollbackRequested(app="shop", acknowledge_migrations=True), id="b1")
    played.run_all()
    played.say(RunRequested(app="shop", stack="eu-1", command=("true",)), id="x1")
    played.say(AppImportRequested(app="blog", stack="eu-1", config=True), id="i1")
    played.found = Live(image=A)
    played.run_all()
    played.found = None
    _configures(played)
    _reviews(played)
    played.say(CheckRequested(stack="eu-1"), id="k1")
    return played


def _configures(played: Played) -> None:
    """Config that waits, config that is released, and a deployment of a tag that is never found."""
    shop = played.team.apps["shop"].id
    played.say(ConfigSet(app="shop", app_id=shop, values={"A": sealed("1"), "B": sealed("2")}, deploy=False), id="s1")
    played.say(ConfigSet(app="shop", app_id=shop, stack="us-1", values={"A": sealed("3")}, unset=()), id="s2")
    played.say(ConfigSet(app="shop", app_id=shop, unset=("B",)), id="s3")
    played.run_all()
    played.say(AppCloned(source="shop", app="copy", app_id=clone_id("copy", "n1"), stack="ap-1", deploy=True), id="n1")
    played.say(DeployRequested(app="shop", image="registry.example/shop:none"), id="t2")
    played.lists.now += 70_000
    played.wake()
    played.run_all()


def _reviews(played: Played) -> None:
    """A review app that is made, deployed anew and closed while it waits, and one that expires."""
    wanted = "registry.example/shop:pr-{number}-{short_sha}"
    played.say(ReviewAppsEnabled(production="shop", stack="ap-1", image=wanted, expires=3_600))
    for number, times in ((1, ("g1", "g2")), (2, ("g3",))):
        for command in times:
            played.say(
                ReviewAppOpened(
                    production="shop",
                    number=number,
                    sha=command[1] * 40,
                    at=int(command[1]),
                    app_id=clone_id(f"shop-pr-{number}", command),
                    values={"A": sealed("1")},
                ),
                id=command,
            )
        if number == 2:
            played.run_all()
    played.say(ReviewAppClosed(production="shop", number=1, at=9), id="g4")
    played.lists.now += 3_600_000
    played.wake()
    played.run_all()


def _facts(played: Owned) -> list[bytes]:
    return [record.value for record in played.lists.topics[HISTORY.name]]


def _cuts(played: Owned) -> list[int]:
    """After how many facts of the history a decision is incomplete."""
    events = played.history()
    return [n for n, e in enumerate(events, 1) if e.envelope.step + 1 != e.envelope.steps]  # type: ignore[operator]


def _cut(played: Played, length: int) -> Played:
    """The bus as it was when only `length` facts were written, and nothing after the input of the last."""
    cut = Played()
    cut.lists = copy.deepcopy(played.lists)
    history = cut.lists.topics[HISTORY.name][:length]
    cut.lists.topics[HISTORY.name] = history
    cut.lists.now = history[-1].timestamp
    return cut


async def test_a_restored_owner_knows_what_the_lost_one_knew() -> None:
    played = story()
    before = copy.deepcopy(played.team)
    answered = dict(played.owner.state.log("acme").answered)
    restored = await played.restart()
    assert played.team == before
    assert played.owner.state.log("acme").answered == answered
    assert restored.positions == {
        topic: 1 + max(r.offset for r in played.lists.topics[topic] if _made_facts(played, r.topic, r.offset))
        for topic in (COMMANDS.name, REPORTS.name)
    }


def _made_facts(played: Owned, topic: str, offset: int) -> bool:
    return any(e.envelope.input == f"{topic}/0/{offset}" for e in played.history())


async def test_a_decision_cut_anywhere_is_completed_byte_for_byte() -> None:
    played = story()
    whole = _facts(played)
    cuts = _cuts(played)
    assert len(cuts) > 40
    for length in cuts:
        cut = _cut(played, length)
        restored = await cut.restart()
        facts = _facts(cut)
        assert facts == whole[: len(facts)]
        assert len(facts) > length
        last = cut.history()[-1].envelope
        assert last.step == last.steps - 1  # type: ignore[operator]
        missing = [v for v in facts[length:] if b'"StackDeployRequested"' in v]
        assert [o.value for o in restored.outgoing if o.topic == DEPLOYS.name and o.value in missing] or not missing


@pytest.mark.parametrize("reason", ["expired", "differs"])
async def test_a_cut_that_cannot_be_completed_is_said_and_the_team_goes_on(reason: str) -> None:
    played = story()
    for length in _cuts(played):
        cut = _cut(played, length)
        _spoil(cut, reason)
        await cut.restart()
        facts = [e.message for e in cut.history()]
        assert of(DecisionCut, facts)[-1].written == 1 + cut.history()[length - 1].envelope.step  # type: ignore[operator]
        assert all(is_intact(value) for value in _facts(cut))
        await cut.restart()
        _all_ends(cut)


def _app_ids(facts: list[Message]) -> list[str]:
    """Of all apps that there ever were."""
    made = [f"{fact.app}.{n}" for n, fact in enumerate(facts, 1) if isinstance(fact, AppCreated)]
    return made + [fact.app_id for fact in facts if isinstance(fact, AppCloned | AppImported)]


def _spoil(cut: Owned, reason: str) -> None:
    """The input of the last decision is there no more, or has another outcome now."""
    topic, _, offset = str(cut.history()[-1].envelope.input).rsplit("/", 2)
    records = cut.lists.topics[topic]
    if reason == "expired":
        gone = records[int(offset)]
        cut.lists.topics[topic][int(offset)] = type(gone)(topic, 0, -1, gone.timestamp, gone.key, gone.value)
    else:
        old = records[int(offset)]
        records[int(offset)] = type(old)(topic, 0, old.offset, old.timestamp, old.key, b"{}")


def _all_ends(cut: Played) -> None:
    """Whatever was opened comes to exactly one end once deployers work and time passes."""
    cut.run_all()
    for _ in range(4):
        cut.lists.now += 2_000_000
        cut.wake()
        cut.run_all()
    facts = [e.message for e in cut.history()]
    opened = [f.rollout for f in of(DeployOpened, facts)]
    opened += {f.rollout for f in of(DeployBegun, facts)} - {*opened}
    opened += {f.promotion for f in facts if isinstance(f, PromotionBegun | PromotionOpened)}
    ended = [f.rollout for f in of(DeployEnd, facts)] + [f.promotion for f in of(PromotionEnd, facts)]
    assert sorted(opened) == sorted(ended)
    assert not cut.team.grants
    assert not any(job.kind != "remove" for job in cut.team.jobs.values())
    assert (cut.team.lookings, cut.team.imports, cut.team.checks) == ({}, {}, {})
    assert (cut.team.resolvings, cut.team.image_jobs, cut.team.reviews) == ({}, {}, {})
    gone = {*_app_ids(facts)} - {app.id for app in cut.team.apps.values()}
    gone |= {f.app_id for f in of(ReviewAppOpened, facts)} - {*_app_ids(facts)}
    assert gone == {f.app_id for f in of(ConfigErased, facts)}
    assert all(app.active is None and not app.queue for app in cut.team.apps.values())


async def test_a_destroyed_app_is_left_behind_where_nobody_was_asked_to_remove_it() -> None:
    played = Played()
    played.say(TeamCreated())
    for stack in ("eu-1", "us-1"):
        played.say(StackAdded(stack=stack, driver="noop"))
    played.say(AppCreated(app="shop", stacks=("eu-1", "us-1")))
    played.run_all()
    assert names(played.say(AppDestroyed(app="shop")))[1:] == ["ConfigErased", *["StackAppRemovalRequested"] * 2]
    cut = _cut(played, len(_facts(played)) - 1)
    _spoil(cut, "expired")
    await cut.restart()
    facts: list[Message] = [e.message for e in cut.history()]
    assert one(StackAppRemovalRequested, facts).stack == "eu-1"
    assert one(StackAppLeftBehind, facts).stack == "us-1"


async def test_requests_and_grants_without_an_answer_are_sent_again() -> None:
    played = story()
    request = one(StackDeployRequested, played.say(DeployRequested(app="staging", image=B, redeploy=True), id="d9"))
    grant = one(JobGranted, played.say(JobClaimed(job=request.job, run="r9", app="staging", stack="s-1")))
    before = len(played.deploys())
    await played.restart()
    again = played.deploys()[before:]
    assert again.index(request) < again.index(grant)
    known = {*played.team.jobs, *played.team.checks, *played.team.image_jobs}
    assert {m.job for m in again} <= known  # type: ignore[attr-defined]
    assert one(StackCheckRequested, again).job == "k1#check"


def _granted(at_start: AtStart) -> Played:
    """A look that a run was granted; then the owner is away for longer than the lease."""
    played = Played(at_start)
    played.say(TeamCreated())
    played.say(StackAdded(stack="eu-1", driver="noop"))
    look = one(StackLookRequested, played.say(AppCreated(app="shop", stacks=("eu-1",))))
    played.say(JobClaimed(job=look.job, run="r1", app="shop", stack="eu-1"))
    played.lists.now += 30_000
    return played


async def test_after_a_restore_leases_begin_anew() -> None:
    played = _granted("anew")
    await played.restart()
    assert played.wake() == []
    played.lists.now += 14_999
    assert played.wake() == []
    played.lists.now += 1
    assert names(played.wake()) == ["LeaseLapsed"]


async def test_where_no_run_of_an_earlier_process_can_go_on_leases_have_lapsed_at_the_start_and_only_then() -> None:
    played = _granted("lapsed")
    await played.restart()
    assert of(LeaseLapsed, [e.message for e in played.history()])
    look = next(job.request for job in played.team.jobs.values())
    played.say(JobClaimed(job=look.job, run="r2", app="shop", stack="eu-1"))
    await played.restart(same_process=True)
    assert played.wake() == []
    assert len(of(LeaseLapsed, [e.message for e in played.history()])) == 1


async def test_a_fact_that_stands_twice_is_skipped_and_one_that_is_missing_stops_the_reader() -> None:
    played = story()
    before = copy.deepcopy(played.team)
    history = played.lists.topics[HISTORY.name]
    played.lists.topics[HISTORY.name] = [*history[:20], *history[10:]]
    await played.restart()
    assert played.team == before
    played.lists.topics[HISTORY.name] = [*history[:20], *history[21:]]
    with pytest.raises(HistoryDamaged, match="does not follow"):
        await played.restart()


async def test_a_fact_that_is_not_what_was_written_stops_the_reader() -> None:
    played = story()
    history = played.lists.topics[HISTORY.name]
    old = history[5]
    value = old.value.replace(b'"previoushash":"', b'"previoushash":"0')
    history[5] = type(old)(old.topic, 0, old.offset, old.timestamp, old.key, value)
    with pytest.raises(HistoryDamaged):
        await played.restart()
