"""Markers: labels that a deployment leaves on its containers, so that what is live can be told by whom it was left.

They are docker options of the app, which Dokku gives to each container that it starts from then on. Also to those that
somebody else has it start: hence one says for which image they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from ownstack_contracts.jobs import Live
from ownstack_contracts.names import digest_of
from ownstack_deployer.drivers.dokku.remote import Remote
from ownstack_deployer.drivers.port import Job, PhaseFailed
from ownstack_deployer.live import foreign_app
from ownstack_deployer.printing import printable

PREFIX = "ownstack."
_OURS = re.compile(r"(?<!\S)'?(--label=ownstack\.(?:image|deployment|generation|release|team|app-id)=[^\s']*)'?(?!\S)")
"""As they are reported: quoted, if a shell would not leave them alone."""
_REPORTED = "Docker options deploy:"
_TEAM = f"--label={PREFIX}team="
_MOST_OWNER = 100
_NUMBER = re.compile(r"[0-9]{1,16}")


def marks_of(live: Live) -> list[str]:
    """The docker options that say that this is what a container holds."""
    assert live.image is not None
    marks = {
        "image": digest_of(live.image),
        "team": live.team,
        "app-id": live.app_id,
        "deployment": live.deployment,
        "release": live.release,
        "generation": live.generation,
    }
    return [f"--label={PREFIX}{name}={value}" for name, value in marks.items()]


async def mark(remote: Remote, app: str, live: Live, there: Sequence[str]) -> None:
    """Have the containers that are started from now on say that they hold this. there: the marks until now.

    Raises Lost, PhaseFailed.
    """
    wanted = marks_of(live)
    for stale in (mark for mark in there if mark not in wanted):
        await _change(remote, "docker-options:remove", app, stale)
    for missing in (mark for mark in wanted if mark not in there):
        await _change(remote, "docker-options:add", app, missing)


def read(labels: Mapping[str, str], found: Live) -> Live:
    """What is live, as its labels mark it; as it is found, of something else, if they are not about this image."""
    marks = {name.removeprefix(PREFIX): value for name, value in labels.items() if name.startswith(PREFIX)}
    owner = {"team": marks.get("team"), "app_id": marks.get("app-id")}
    if found.image is None or marks.get("image") != digest_of(found.image):
        return _marked(found, owner)
    numbers = {name: _number(marks.get(name)) for name in ("generation", "release")}
    if None in numbers.values() or not marks.get("deployment"):
        return _marked(found, owner)
    return _marked(found, {**owner, "deployment": marks["deployment"], **numbers})


def _marked(found: Live, marks: Mapping[str, object]) -> Live:
    try:
        return Live.model_validate({"image": found.image, "reference": found.reference, **marks})
    except ValidationError:
        return found


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def reported(report: str) -> list[str] | None:
    """Our options, as `docker-options:report` tells them among others; None: it tells none of any kind."""
    lines = (line.strip() for line in report.split("\n"))
    found = next((line for line in lines if line.startswith(_REPORTED)), None)
    return None if found is None else _OURS.findall(found.removeprefix(_REPORTED))


def refuse_another_teams(marks: Sequence[str], job: Job) -> None:
    """Of an app that runs nothing, its marks say whose it is. Raises PhaseFailed `foreign-app`."""
    owners = (mark.removeprefix(_TEAM) for mark in marks if mark.startswith(_TEAM))
    if other := next((owner for owner in owners if owner != job.team), None):
        raise foreign_app(job.request, printable(other[:_MOST_OWNER]))


async def marks_there(remote: Remote, app: str) -> Sequence[str]:
    """The marks of an app that is there. Raises Lost, PhaseFailed."""
    answer = await remote.ask("docker-options:report", app)
    found = reported(answer.out)
    if answer.exit_code != 0 or found is None:
        raise PhaseFailed(
            "dokku-failed",
            f"`docker-options:report {app}` ended with exit code {answer.exit_code}{answer.said}",
        )
    return found


async def _change(remote: Remote, verb: str, app: str, mark: str) -> None:
    answer = await remote.ask(verb, app, "deploy", mark)
    if answer.exit_code != 0:
        raise PhaseFailed(
            "dokku-failed", f"`{verb} {app} deploy {mark}` ended with exit code {answer.exit_code}{answer.said}"
        )
