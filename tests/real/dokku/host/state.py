"""What a server knows, in a folder that outlives each command: its apps, its images, its logs, its locks."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

App = dict[str, Any]
ALTERNATE_TAGS = "com.dokku.docker-image-labeler/alternate-tags"
DEPLOYMENT = "ownstack.deployment"
PHASES = ("build", "deploy", "run")
SETTINGS: dict[str, Any] = {
    "linger": 0.4,  # for so long at most the work goes on once the client has gone; a real one: some 12 s
    "seed": None,
    "steps": {},  # name of a step: how long it takes
    "step": 0.01,  # all others
    "dropped": "measured",  # what becomes of the repository then: measured (by how far it came), left, back, any
    "xargs": True,  # docker-options:… goes through `xargs dokku`, which makes 123 of most failures
    "changes": [],  # names of config variables that it does not keep as given: their last character is lost
    "domain": "dk.test",
    "version": "0.38.27",
}


def new_app(name: str, domain: str) -> App:
    """As `apps:create` leaves it."""
    return {
        "name": name,
        "domain": f"{name}.{domain}",
        "repository": None,  # {"image", "sha", "updated"}
        "history": [],  # what the repository was before, the last one last
        "built": None,  # {"image", "sha"}: what dokku/APP:latest is
        "containers": [],  # {"id", "image", "sha", "labels", "process", "keys", "config", "predeploy", "status"}
        "retired": [],
        "options": {phase: [] for phase in PHASES},
        "config": {},
        "ports": None,
        "locked": False,
        "fresh": True,  # neither deployed before nor cloned
        "processes": ["web.1"],
        "release": False,  # whether the Procfile of the last deployment had a release task
    }


class NoSuchApp(Exception):
    """There is none of this name, or none any more."""


class Host:
    """One server's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def settings(self) -> dict[str, Any]:
        """How it behaves, beside what it knows."""
        return SETTINGS | self._read("settings.json")

    @property
    def catalogue(self) -> dict[str, Any]:
        """`images`: what the registry has, by digest. `tags`: the digest of each full name with a tag."""
        return {"images": {}, "tags": {}} | self._read("catalogue.json")

    def image(self, reference: str | None) -> dict[str, Any] | None:
        """What is known of an image, by `repository@digest` or `repository:tag`."""
        known = self.catalogue
        digest = (reference or "").rpartition("@")[2]
        found: dict[str, Any] | None = known["images"].get(known["tags"].get(reference, digest))
        return found if found and found.get("behaviour") != "missing" else None

    @contextmanager
    def apps(self) -> Iterator[dict[str, App]]:
        """All apps, to look at and to change; nobody else does meanwhile."""
        with (self.folder / "state.lock").open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            apps: dict[str, App] = self._read("state.json")
            before = json.dumps(apps)
            yield apps
            if (after := json.dumps(apps)) != before:
                self.write("state.json", after)

    @contextmanager
    def app(self, name: str) -> Iterator[App]:
        """One app, to look at and to change. Raises NoSuchApp."""
        with self.apps() as apps:
            if name not in apps:
                raise NoSuchApp(name)
            yield apps[name]

    def write(self, name: str, text: str) -> None:
        """Put a file there at once, whoever reads it."""
        fresh = self.folder / f"{name}.{os.getpid()}"
        fresh.write_text(text)
        fresh.replace(self.folder / name)

    def log(self, name: str, **said: object) -> None:
        """One line more."""
        line = json.dumps({"at": time.time(), "pid": os.getpid(), **said}) + "\n"
        with (self.folder / name).open("a") as log:
            log.write(line)

    def deploy_lock(self, app: str) -> int | None:
        """Held until this process ends, however it ends; None: another one has it."""
        (self.folder / "locks").mkdir(exist_ok=True)
        lock = os.open(self.folder / "locks" / app, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return None
        return lock

    def unlock(self, app: str) -> None:
        """Whoever has the lock goes on; the next one gets another."""
        (self.folder / "locks" / app).unlink(missing_ok=True)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / name).read_text())
        except FileNotFoundError:
            return {}
        return found
