"""What is live: as deployments tell it, and as looks find it. A late sight never overrides a deployment."""

from __future__ import annotations

from ownstack_contracts.apps import NO_CONFIG
from ownstack_contracts.jobs import JobClosed, Live, StackLookFailed, StackLookRequested, StackObserved
from ownstack_contracts.names import digest_of
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.rows import AppStackRow, ReleaseRow
from ownstack_projections.tables import Rows


def see(rows: Rows, stamp: Stamp, app: str, stack: str, live: Live | None, asked: int | None) -> None:
    """A run saw `live` on a stack. `asked`: the sequence at which it was asked to; None: it was not asked to look."""
    held = rows.app_stacks.find(stamp.team, app, stack)
    if held is None or not _is_news(held, live, asked):
        return
    held = rows.app_stacks.edit(stamp.team, app, stack)
    held.known_since, held.at = stamp.sequence, stamp.at
    if live is None:
        _hold_none(held, "nothing")
    else:
        _hold(held, live, _release_of(rows, held, live))


def doubt(rows: Rows, stamp: Stamp, app: str, stack: str) -> None:
    """A run may have left anything there: what the stack holds is not known until somebody has looked."""
    if rows.app_stacks.find(stamp.team, app, stack) is None:
        return
    held = rows.app_stacks.edit(stamp.team, app, stack)
    held.known_since, held.at = None, stamp.at
    _hold_none(held, "unknown")


def is_live(rows: Rows, team: str, app: str, stack: str) -> bool:
    """Whether something is known to serve there."""
    held = rows.app_stacks.find(team, app, stack)
    return held is not None and held.status == "live"


def _is_news(held: AppStackRow, live: Live | None, asked: int | None) -> bool:
    """As the promoter judges it."""
    if live is not None and live.team not in (None, held.team):
        return False
    if held.status != "live":
        return True
    if live is not None and live.generation > 0 and live.generation >= held.generation:
        return True
    return asked is not None and held.known_since is not None and held.known_since <= asked


def _release_of(rows: Rows, held: AppStackRow, live: Live) -> ReleaseRow | None:
    """The release that it is, if it is one of this creation of the app."""
    if live.release is None or live.app_id != held.app_id:
        return None
    release = rows.releases.find(held.team, held.app_id, live.release)
    return release if release is not None and release.digest == digest_of(live.image) else None


def _hold_none(held: AppStackRow, status: str) -> None:
    held.status, held.generation = status, 0
    held.image = held.digest = held.config_fingerprint = held.deployed_by = held.release = None


def _hold(held: AppStackRow, live: Live, release: ReleaseRow | None) -> None:
    held.status = "live"
    held.image, held.digest, held.generation = live.image, digest_of(live.image), live.generation
    held.deployed_by = live.deployment
    held.release = release.release if release is not None else None
    held.config_fingerprint = release.config_fingerprint if release is not None else NO_CONFIG
    held.code = held.message = None


@projects(StackLookRequested)
def look_requested(rows: Rows, fact: StackLookRequested, stamp: Stamp) -> None:
    held = rows.app_stacks.edit(stamp.team, fact.app, fact.stack)
    held.look, held.look_asked = fact.job, stamp.sequence


@projects(StackObserved)
def observed(rows: Rows, fact: StackObserved, stamp: Stamp) -> None:
    held = rows.app_stacks.find(stamp.team, fact.app, fact.stack)
    if held is None:
        return
    is_look = held.look == fact.job
    see(rows, stamp, fact.app, fact.stack, fact.live, held.look_asked if is_look else None)
    if is_look:
        held = rows.app_stacks.edit(stamp.team, fact.app, fact.stack)
        held.look = held.look_asked = held.code = held.message = None


@projects(StackLookFailed)
def look_failed(rows: Rows, fact: StackLookFailed, stamp: Stamp) -> None:
    held = rows.app_stacks.find(stamp.team, fact.app, fact.stack)
    if held is None or held.look != fact.job:
        return
    held = rows.app_stacks.edit(stamp.team, fact.app, fact.stack)
    held.look = held.look_asked = None
    held.code, held.message = fact.code, fact.message


@projects(JobClosed)
def job_closed(rows: Rows, fact: JobClosed, stamp: Stamp) -> None:
    """Only of looks is it news; the end of every other job is a fact of its own."""
    held = rows.app_stacks.find(stamp.team, fact.app, fact.stack)
    if held is not None and held.look == fact.job:
        held = rows.app_stacks.edit(stamp.team, fact.app, fact.stack)
        held.look = held.look_asked = None
