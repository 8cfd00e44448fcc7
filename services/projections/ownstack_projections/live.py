"""What is live: as deployments tell it, and as looks find it. A late sight never overrides a deployment."""

from __future__ import annotations

from ownstack_contracts.apps import NO_CONFIG
from ownstack_contracts.jobs import Live, StackLookRequested
from ownstack_contracts.leases import JobClosed
from ownstack_contracts.names import digest_of
from ownstack_contracts.reports import StackLookFailed, StackObserved
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.rows import AppStackRow, ReleaseRow
from ownstack_projections.tables import Rows
from ownstack_readmodel.effective import effective_on


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
        _expect(held)


def expect(rows: Rows, team: str, app: str, stack: str, release: int, digest: str | None) -> None:
    """This release was left there: something else is a drift from now on."""
    if rows.app_stacks.find(team, app, stack) is not None:
        held = rows.app_stacks.edit(team, app, stack)
        held.released, held.released_digest = release, digest


def _expect(held: AppStackRow) -> None:
    """What was seen there is as it should be if it is the first that we know of, or a release that came later than the
    one that was expected: a run of ours has left it, and could not say so."""
    if held.released_digest is None or (held.release is not None and held.release > (held.released or 0)):
        held.released, held.released_digest = held.release, held.digest


def doubt(rows: Rows, stamp: Stamp, app: str, stack: str) -> None:
    """A run may have left anything there: what the stack holds is not known until somebody has looked."""
    if rows.app_stacks.find(stamp.team, app, stack) is None:
        return
    held = rows.app_stacks.edit(stamp.team, app, stack)
    held.known_since, held.at = None, stamp.at
    _hold_none(held, "unknown")


def removed(rows: Rows, stamp: Stamp, app: str, stack: str, generation: int) -> None:
    """The app was removed there by a job of this generation: what is live is gone, unless it came later."""
    if is_live(rows, stamp.team, app, stack):
        held = rows.app_stacks.edit(stamp.team, app, stack)
        if held.generation < generation:
            held.known_since, held.at = stamp.sequence, stamp.at
            _hold_none(held, "nothing")
            held.released = held.released_digest = None


def is_live(rows: Rows, team: str, app: str, stack: str) -> bool:
    """Whether something is known to serve there."""
    held = rows.app_stacks.find(team, app, stack)
    return held is not None and held.status == "live"


def _is_news(held: AppStackRow, live: Live | None, asked: int | None) -> bool:
    """As the promoter judges it."""
    if live is not None and live.is_foreign(held.team):
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
    return release if release is not None and release.digest == _digest(live) else None


def _digest(live: Live) -> str | None:
    return digest_of(live.image) if live.image is not None else None


def _hold_none(held: AppStackRow, status: str) -> None:
    held.status, held.generation = status, 0
    held.image = held.digest = held.reference = None
    held.config_fingerprint = held.deployed_by = held.release = None


def _hold(held: AppStackRow, live: Live, release: ReleaseRow | None) -> None:
    held.status = "live"
    held.image, held.digest, held.reference = live.image, _digest(live), live.reference
    held.generation = live.generation
    held.deployed_by = live.deployment
    held.release = release.release if release is not None else None
    held.config_fingerprint = effective_on(release.effective, held.stack) if release is not None else NO_CONFIG
    held.code = held.message = None


@projects(StackLookRequested)
def look_requested(rows: Rows, fact: StackLookRequested, stamp: Stamp) -> None:
    """Before an app is imported it is looked at, too."""
    if rows.app_stacks.find(stamp.team, fact.app, fact.stack) is not None:
        rows.app_stacks.edit(stamp.team, fact.app, fact.stack).looks[fact.job] = stamp.sequence


@projects(StackObserved)
def observed(rows: Rows, fact: StackObserved, stamp: Stamp) -> None:
    found = rows.app_stacks.find(stamp.team, fact.app, fact.stack)
    if found is None:
        return
    see(rows, stamp, fact.app, fact.stack, fact.live, found.looks.get(fact.job))
    if _end_look(rows, stamp.team, fact) or fact.config_keys is not None:
        held = rows.app_stacks.edit(stamp.team, fact.app, fact.stack)
        held.code = held.message = None
        if fact.config_keys is not None:
            held.config_keys = list(fact.config_keys)


@projects(StackLookFailed)
def look_failed(rows: Rows, fact: StackLookFailed, stamp: Stamp) -> None:
    if _end_look(rows, stamp.team, fact):
        held = rows.app_stacks.edit(stamp.team, fact.app, fact.stack)
        held.code, held.message = fact.code, fact.message


def look_closed(rows: Rows, fact: JobClosed, stamp: Stamp) -> None:
    """If the job was a look, nobody waits for it any more."""
    _end_look(rows, stamp.team, fact)


def _end_look(rows: Rows, team: str, fact: StackObserved | StackLookFailed | JobClosed) -> bool:
    """Whether it was a look that was awaited."""
    held = rows.app_stacks.find(team, fact.app, fact.stack)
    if held is None or fact.job not in held.looks:
        return False
    del rows.app_stacks.edit(team, fact.app, fact.stack).looks[fact.job]
    return True
