"""The owner of a partition: exactly one answer per command, leases, ticks, forwarding, dead letters, poison."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from tests.unit.promoter.owner import Owned, facts_of
from tests.unit.promoter.story import A, names, of, one

from ownstack_contracts.apps import AppCreated
from ownstack_contracts.envelope import decode, encode
from ownstack_contracts.history import is_intact
from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.leases import ClockTicked, Heartbeat, JobClaimed, JobGranted, LeaseLapsed
from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import StackDeployExpired
from ownstack_contracts.rejections import CommandRejected
from ownstack_contracts.reports import ReleaseTaskStarted
from ownstack_contracts.rollouts import DeployFailed, DeployRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS, HISTORY, REPORTS
from ownstack_promoter import dispatch
from ownstack_promoter.teamlog import FoldFailed


def with_app() -> Owned:
    """A team with an app on one stack; nobody has looked there yet."""
    owned = Owned()
    owned.say(TeamCreated())
    owned.say(StackAdded(stack="eu-1", driver="noop"))
    owned.say(AppCreated(app="shop", stacks=("eu-1",)))
    return owned


def asked(owned: Owned) -> StackDeployRequested:
    """A deployment of image A that was asked for."""
    return one(StackDeployRequested, owned.say(DeployRequested(app="shop", image=A), id="d1"))


def claim_of(request: StackDeployRequested, run: str) -> JobClaimed:
    return JobClaimed(job=request.job, run=run, app=request.app, stack=request.stack)


def break_rule(patch: pytest.MonkeyPatch, table: dict[type[Message], Any], kind: type[Message]) -> None:
    """From now on the rule for messages of this kind raises."""

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    patch.setitem(table, kind, broken)


def test_a_command_is_admitted_once_however_often_it_comes() -> None:
    owned = Owned()
    assert names(owned.say(TeamCreated(), id="one")) == ["TeamCreated"]
    assert owned.say(TeamCreated(), id="one") == []
    assert one(CommandRejected, owned.say(TeamCreated(), id="two")).code == "team-exists"
    assert owned.say(TeamCreated(), id="two") == []


def test_the_same_id_is_another_command_in_another_team() -> None:
    owned = Owned()
    owned.say(TeamCreated(), id="one")
    assert names(owned.say(TeamCreated(), team="beta", id="one")) == ["TeamCreated"]


def test_an_id_is_forgotten_after_fourteen_days() -> None:
    owned = Owned()
    owned.say(TeamCreated(), id="one")
    owned.lists.now += 14 * 24 * 3_600_000 + 1
    assert one(CommandRejected, owned.say(TeamCreated(), id="one")).code == "team-exists"


def test_nothing_but_its_creation_is_admitted_of_a_team_that_does_not_exist() -> None:
    owned = Owned()
    rejected = one(CommandRejected, owned.say(AppCreated(app="shop"), id="a"))
    assert (rejected.code, rejected.command, rejected.data) == ("team-unknown", "a", {"app": "shop", "stacks": []})


def test_facts_are_sealed_with_their_input_their_place_and_the_hash_before() -> None:
    owned = with_app()
    before = owned.history()[-1]
    request = asked(owned)
    facts = owned.history()[4:]
    assert [f.envelope.sequence for f in facts] == [5, 6, 7, 8, 9]
    assert [(f.envelope.step, f.envelope.steps) for f in facts] == [(n, 5) for n in range(5)]
    last = owned.history()[-1]
    assert last.message == request
    assert last.envelope.input == "ownstack.commands/0/3"
    assert last.envelope.causationid == last.envelope.correlationid == "d1"
    assert last.envelope.actor == "token:ann"
    chain = [before, *facts]
    assert all(b.envelope.previoushash == a.envelope.hash for a, b in pairwise(chain))
    assert all(is_intact(r.value) for r in owned.lists.topics[HISTORY.name])


def test_requests_and_answers_stand_on_deploys_as_in_the_history() -> None:
    owned = with_app()
    request = asked(owned)
    grant = one(JobGranted, owned.say(claim_of(request, "r1")))
    assert owned.deploys()[-2:] == [request, grant]


def test_a_record_of_another_partitions_team_is_forwarded_unchanged() -> None:
    owned = Owned(teams=("acme",))
    record = owned.input(TeamCreated(), team="elsewhere")
    (out,) = owned.handle(record)
    assert (out.topic, out.key, out.value, out.partition) == (COMMANDS.name, "elsewhere", record.value, None)


def test_an_unreadable_command_is_a_dead_letter_and_rejected_if_it_can_be_said_whose_it_was() -> None:
    owned = with_app()
    value = encode(TeamCreated(), source="/x", team="acme", id="odd").replace(b"TeamCreated", b"TeamCratered")
    facts = facts_of(owned.handle(owned.raw(COMMANDS.name, value)))
    assert (one(CommandRejected, facts).code, one(CommandRejected, facts).command) == ("unknown-type", "odd")
    assert dict(owned.dead_letters()[0].headers)["reason-code"] == b"unknown-type"
    assert facts_of(owned.handle(owned.raw(COMMANDS.name, value))) == []
    assert facts_of(owned.handle(owned.raw(COMMANDS.name, b"\xff not json"))) == []
    assert len(owned.dead_letters()) == 3


def test_an_unreadable_command_of_another_partitions_team_is_forwarded_to_be_rejected_there() -> None:
    owned = Owned(teams=("acme",))
    value = encode(TeamCreated(), source="/x", team="elsewhere", id="odd").replace(b"TeamCreated", b"TeamCratered")
    (out,) = owned.handle(owned.raw(COMMANDS.name, value))
    assert (out.topic, out.key, out.value, out.partition) == (COMMANDS.name, "elsewhere", value, None)
    assert owned.dead_letters() == []


@pytest.mark.parametrize("topic", [COMMANDS.name, REPORTS.name])
def test_what_nobody_could_reject_is_not_forwarded(topic: str) -> None:
    owned = Owned(teams=("acme",))
    nameless = encode(TeamCreated(), source="/x", team="elsewhere", id="odd").replace(b'"id":"odd"', b'"id":"o d"')
    large = encode(TeamCreated(), source="/x" * 100, team="elsewhere", id="odd").ljust(300_000)
    for value in (nameless, large):
        (out,) = owned.handle(owned.raw(topic, value))
        assert out.topic == DEAD_LETTERS.name
    assert len(owned.dead_letters()) == 2


def test_a_report_without_a_team_is_a_dead_letter() -> None:
    owned = with_app()
    value = encode(Heartbeat(runs=("r1",)), source="/x", team=None)
    assert facts_of(owned.handle(owned.raw(REPORTS.name, value))) == []
    assert dict(owned.dead_letters()[0].headers)["reason-code"] == b"no-team"


def test_a_rule_that_breaks_answers_the_command_and_the_partition_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owned = with_app()

    break_rule(monkeypatch, dispatch._DECIDES, AppCreated)
    assert one(CommandRejected, owned.say(AppCreated(app="x"), id="x")).code == "internal-error"
    assert names(owned.say(StackAdded(stack="us-1", driver="noop"))) == ["StackAdded"]
    break_rule(monkeypatch, dispatch._DECIDES, ReleaseTaskStarted)
    assert owned.say(ReleaseTaskStarted(job="j", run="r", app="shop", stack="eu-1")) == []
    assert dict(owned.dead_letters()[0].headers)["reason-code"] == b"internal-error"
    assert "ZeroDivisionError" in caplog.text


async def test_a_fact_that_cannot_be_folded_restores_the_partition_and_rejects_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owned = with_app()
    before = len(owned.history())

    with monkeypatch.context() as patch:
        break_rule(patch, dispatch._EVOLVES, StackAdded)
        record = owned.input(StackAdded(stack="us-1", driver="noop"), id="poison")
        with pytest.raises(FoldFailed):
            owned.handle(record)
    assert len(owned.history()) == before
    await owned.restart(same_process=True)
    assert one(CommandRejected, facts_of(owned.handle(record))).code == "internal-error"
    assert names(owned.say(StackAdded(stack="ap-1", driver="noop"))) == ["StackAdded"]


async def test_a_team_that_cannot_be_folded_is_quarantined_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owned = with_app()
    owned.say(TeamCreated(), team="beta")

    with monkeypatch.context() as patch:
        break_rule(patch, dispatch._EVOLVES, AppCreated)
        await owned.restart()
    assert one(CommandRejected, owned.say(AppCreated(app="x"), id="x")).code == "team-quarantined"
    assert owned.say(ReleaseTaskStarted(job="j", run="r", app="shop", stack="eu-1")) == []
    assert dict(owned.dead_letters()[0].headers)["reason-code"] == b"team-quarantined"
    assert names(owned.say(AppCreated(app="x"), team="beta", id="x")) == ["AppCreated"]


def test_the_clock_ticks_when_a_timer_is_due_and_not_more_than_once_a_second() -> None:
    owned = with_app()
    request = asked(owned)
    assert owned.owner.wake_at() == request.waiting_until
    owned.lists.now = request.waiting_until
    said = owned.owner.wake(owned.lists.now)
    assert [decode(o.topic, o.value).message for o in said] == [ClockTicked()]
    assert said[0].partition == 0
    assert list(owned.owner.wake(owned.lists.now + 999)) == []
    facts = facts_of(owned.handle(owned.lists.append(said[0])))
    assert of(StackDeployExpired, facts)
    assert of(DeployFailed, facts)


def test_signs_of_life_extend_a_lease_and_silence_ends_it() -> None:
    owned = with_app()
    request = asked(owned)
    owned.say(claim_of(request, "r1"))
    owned.lists.now += 10_000
    owned.say(Heartbeat(runs=("r1", "unknown")))
    owned.lists.now += 10_000
    assert owned.wake() == []
    owned.say(ReleaseTaskStarted(job=request.job, run="r1", app="shop", stack="eu-1"))
    owned.lists.now += 14_999
    assert owned.wake() == []
    owned.lists.now += 1
    assert names(owned.wake()) == ["LeaseLapsed"]
    assert one(JobGranted, owned.say(claim_of(request, "r2"))).uncertain


def test_a_heartbeat_of_another_team_extends_nothing() -> None:
    owned = with_app()
    owned.say(TeamCreated(), team="beta")
    request = asked(owned)
    owned.say(claim_of(request, "r1"))
    owned.lists.now += 10_000
    owned.say(Heartbeat(runs=("r1",)), team="beta")
    owned.lists.now += 5_000
    assert names(owned.wake()) == ["LeaseLapsed"]


def test_a_lapse_that_crossed_a_sign_of_life_is_ignored() -> None:
    owned = with_app()
    request = asked(owned)
    owned.say(claim_of(request, "r1"))
    owned.lists.now += 15_000
    (lapsed,) = owned.owner.wake(owned.lists.now)
    owned.say(Heartbeat(runs=("r1",)))
    assert facts_of(owned.handle(owned.lists.append(lapsed))) == []


def test_no_lease_is_renewed_past_the_running_deadline() -> None:
    owned = with_app()
    request = asked(owned)
    owned.say(claim_of(request, "r1"))
    for _ in range(180):
        owned.lists.now += 10_000
        owned.say(Heartbeat(runs=("r1",)))
    owned.wake()
    owned.lists.now += 14_000
    owned.say(Heartbeat(runs=("r1",)))
    owned.lists.now += 1_000
    assert names(owned.wake())[-1] == "LeaseLapsed"


def test_a_forged_lapse_of_a_live_run_is_ignored() -> None:
    owned = with_app()
    request = asked(owned)
    owned.say(claim_of(request, "r1"))
    assert owned.say(LeaseLapsed(job=request.job, run="r1", app="shop", stack="eu-1")) == []
