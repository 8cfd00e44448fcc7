"""How far a deployment has come: read from what Dokku says meanwhile."""

from __future__ import annotations

import re

from ownstack_deployer.drivers.output import LastLines

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_QUOTES = re.compile(r"=====> Start .*output")
"""What follows, up to the `End`, is said by the app, not by Dokku."""
_END_OF_QUOTE = re.compile(r"=====> End .*output")
_BUILDING = re.compile(r"-----> Building ")
_RELEASE_TASK = re.compile(r"\s+Executing (?:predeploy|release) task\b")
_POSTDEPLOY = re.compile(r"\s+Executing heroku\.postdeploy task\b")
_RELEASED = re.compile(r"=====> Processing deployment checks|-----> Deploying \S+ via the ")
_UNCHANGED = re.compile(r" !\s+No changes detected\b")
_LOCKED = re.compile(r" !\s+\S+ currently has a deploy lock in place\b")
_FAILURES = (
    (re.compile(r" !\s+Failed to pull image\b"), "image-not-pullable"),
    (re.compile(r" !\s+Execution of (?:predeploy|release|heroku\.postdeploy) task failed\b"), "release-task-failed"),
    (re.compile(r" !\s+Failure in name=.*unable to enter the container\b"), "start-failed"),
    (re.compile(r" !\s+Failure in name="), "health-check-failed"),
    (re.compile(r" !\s+Could not start due to\b"), "start-failed"),
)
"""Why it failed, the surest sign first."""


class Progress:
    """What the output of one command that deploys has shown until now."""

    def __init__(self) -> None:
        self.building = False
        """Whether it has begun: no other deployment is in the way."""
        self.task_began = False
        """Whether a release task has begun: a predeploy task of app.json, or a release task of the Procfile."""
        self.released = False
        """Whether the part with these tasks has ended."""
        self.postdeploy_began = False
        """Whether Dokku has run the post-deploy script, as it does at the first deployment of an app."""
        self.unchanged = False
        """Whether the app's repository was at this image before."""
        self.locked = False
        """Whether another deployment is under way."""
        self.last = LastLines()
        self._signs: set[int] = set()
        self._quoting = False

    def see(self, line: str) -> None:
        """One more line."""
        if not line:
            return
        plain = _COLOURS.sub("", line)
        self.last.add([plain])
        if self._quoting or _QUOTES.match(plain):
            self._quoting = not _END_OF_QUOTE.match(plain)
            return
        self.building |= bool(_BUILDING.match(plain))
        self.task_began |= bool(_RELEASE_TASK.match(plain))
        self.postdeploy_began |= bool(_POSTDEPLOY.match(plain))
        self.released |= bool(_RELEASED.match(plain))
        self.unchanged |= bool(_UNCHANGED.match(plain))
        self.locked |= bool(_LOCKED.match(plain))
        self._signs.update(number for number, (shape, _) in enumerate(_FAILURES) if shape.match(plain))

    @property
    def code(self) -> str:
        """Why it failed, if it did."""
        return _FAILURES[min(self._signs)][1] if self._signs else "dokku-failed"
