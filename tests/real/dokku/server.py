"""A server with Dokku on it, for tests: a real sshd before the stand-in. `with new_server(folder) as server: …`"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.real.dokku import images
from tests.real.dokku.host.options import labels
from tests.real.dokku.host.state import ALTERNATE_TAGS, DEPLOYMENT, App, Host, new_app
from tests.real.dokku.machine import Machine, read, until
from tests.real.sshd import need_sshd

USUAL = ("v1", "v2", "v3", "v4", "prefail", "relfail", "hcfail", "crash", "postfail")


@contextmanager
def new_server(folder: Path, **settings: Any) -> Iterator[DokkuServer]:
    """One that runs, with the usual images and no app. settings: those of the stand-in, see `host.state.SETTINGS`."""
    need_sshd()
    server = DokkuServer(folder)
    server.set(**settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class DokkuServer(Machine):
    """What tests want to know of it, or to do to it, behind the back of a driver."""

    def __init__(self, folder: Path, kinds: tuple[str, ...] = ("ed25519",)) -> None:
        super().__init__(folder, kinds)
        self._host = Host(self.state)
        for name in USUAL:
            self.add_image(name)

    def stop(self) -> None:
        """End its sshd, and all that it ran. Raises AssertionError if the stand-in itself has failed."""
        super().stop()
        assert not self._log("errors.log")

    # how it behaves

    def set(self, **settings: Any) -> None:
        """Change settings: `linger`, `seed`, `steps` (seconds by name), `step` (all others), `dropped`, …"""
        path = self.state / "settings.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        self._host.write("settings.json", json.dumps(before | settings))

    @contextmanager
    def held(self, step: str) -> Iterator[None]:
        """Meanwhile no command goes beyond this step: pull, update, build, release-image, predeploy, release, start,
        checks, proxy, rename, postdeploy; run, for what `run` does; config, before `config:set` changes anything, and
        config-done, after that."""
        hold = self.state / "hold" / step
        hold.parent.mkdir(exist_ok=True)
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    def add_image(self, name: str, repository: str = images.REPOSITORY, **changes: Any) -> str:
        """An image in the registry. changes: behaviour, scripts (by task), output, steps (seconds), times, files."""
        catalogue = self._host.catalogue
        catalogue["images"][images.digest(name)] = images.entry(name, **changes)
        catalogue["tags"][f"{repository}:{name}"] = images.digest(name)
        self._host.write("catalogue.json", json.dumps(catalogue))
        return images.reference(name, repository)

    def set_behaviour(self, name: str, behaviour: str, **changes: Any) -> None:
        """What an image does from now on: good, prefail, relfail, hcfail, crash, postfail or missing."""
        known = self._host.catalogue["images"].get(images.digest(name), {})
        kept = {key: known[key] for key in ("scripts", "output", "steps") if key in known}
        self.add_image(name, **(kept | changes | {"behaviour": behaviour}))

    def image(self, name: str) -> str:
        """`repository@sha256:…`"""
        return images.reference(name)

    # what is on it

    @contextmanager
    def edit(self, app: str) -> Iterator[App]:
        """All that the server knows of an app, to change as one likes."""
        with self._host.apps() as apps:
            yield apps.setdefault(app, new_app(app, self._host.settings["domain"]))

    def deploy_by_hand(
        self, app: str, image: str, config: Mapping[str, str] | None = None, options: Sequence[str] = ()
    ) -> None:
        """As if somebody had deployed `image` (a name, or a whole reference), with options of docker of his own."""
        reference = image if "@" in image or "/" in image else images.reference(image)
        with self.edit(app) as found:
            found["config"] |= {"GIT_REV": _sha(reference, 40)} | dict(config or {})
            found["options"]["deploy"] = sorted([*found["options"]["deploy"], *options])
            found["repository"] = {"image": reference, "sha": _sha(reference, 40), "updated": int(time.time())}
            found["built"], found["fresh"] = dict(found["repository"]), False
            tags = json.dumps([reference])
            found["containers"] = [_container(found, reference, process, tags) for process in found["processes"]]

    def push_by_hand(self, app: str, tags: Sequence[str] | None = ("",)) -> None:
        """As if somebody had deployed by `git push`: no digest. tags: None leaves the label out."""
        with self.edit(app) as found:
            found["repository"] = {"image": None, "sha": _sha(app, 40), "updated": int(time.time())}
            found["built"], found["fresh"] = dict(found["repository"]), False
            said = None if tags is None else json.dumps([tag or f"dokku/{app}:latest" for tag in tags])
            found["containers"] = [_container(found, None, process, said) for process in found["processes"]]

    @contextmanager
    def deploy_lock(self, app: str) -> Iterator[None]:
        """Meanwhile somebody else deploys the app."""
        (self.state / "locks").mkdir(exist_ok=True)
        with (self.state / "locks" / app).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def apps(self) -> dict[str, App]:
        """All that it knows."""
        with self._host.apps() as apps:
            return apps

    def live(self, app: str) -> str | None:
        """The image of the containers that run, by digest; None where there are none, or none by digest."""
        containers = self.apps()[app]["containers"]
        tags = [json.loads(container["labels"].get(ALTERNATE_TAGS, "[]")) for container in containers]
        found = {tag for listed in tags for tag in listed if "@sha256:" in tag}
        assert len(found) < 2, found
        return found.pop() if found else None

    def labels(self, app: str) -> dict[str, str]:
        """Those that options of docker put on the first container."""
        containers = self.apps()[app]["containers"]
        found: dict[str, str] = containers[0]["labels"] if containers else {}
        return {key: value for key, value in found.items() if key != ALTERNATE_TAGS}

    def deployment(self, app: str) -> str | None:
        """Which deployment the first container says it is of."""
        return self.labels(app).get(DEPLOYMENT)

    def repository(self, app: str) -> str | None:
        """The image of the app's repository."""
        found: str | None = (self.apps()[app]["repository"] or {}).get("image")
        return found

    def config(self, app: str) -> dict[str, str]:
        """Its environment, without the GIT_REV that Dokku itself puts there with each deployment."""
        found: dict[str, str] = self.apps()[app]["config"]
        return {key: value for key, value in found.items() if key != "GIT_REV"}

    def runs_with(self, app: str) -> dict[str, str]:
        """The environment that the first container was started with, without GIT_REV."""
        found: dict[str, str] = self.apps()[app]["containers"][0]["config"]
        return {key: value for key, value in found.items() if key != "GIT_REV"}

    def options(self, app: str, phase: str = "deploy") -> list[str]:
        """Its options of docker."""
        found: list[str] = self.apps()[app]["options"][phase]
        return found

    # what was done on it

    def commands(self) -> list[str]:
        """All command lines that came, as they came."""
        return [entry["line"] for entry in self._log("commands.log")]

    def tasks(self, app: str | None = None, task: str | None = None, event: str | None = None) -> list[dict[str, Any]]:
        """Starts and ends of tasks, and of `run`: at, pid, app, image, task, event, deployment, labels."""
        wanted = {"app": app, "task": task, "event": event}
        return [entry for entry in self._log("tasks.log") if all(v in (None, entry[k]) for k, v in wanted.items())]

    def steps(self, app: str | None = None) -> list[dict[str, Any]]:
        """All steps that began: at, pid, app, step, image. `live`: the new version is; `died`: the client was gone."""
        return [entry for entry in self._log("steps.log") if app in (None, entry["app"])]

    def await_step(self, app: str, step: str, times: int = 1) -> dict[str, Any]:
        """Wait until so many of them have begun. Returns the last."""

        def begun() -> list[dict[str, Any]]:
            found = [entry for entry in self.steps(app) if entry["step"] == step]
            return found if len(found) >= times else []

        return until(begun, f"step {step} of {app}")[-1]

    def _log(self, name: str) -> list[dict[str, Any]]:
        whole, _, _ = read(self.state / name).rpartition(b"\n")  # the last line may be on its way
        return [json.loads(line) for line in whole.splitlines()]


def _container(app: App, image: str | None, process: str, tags: str | None) -> dict[str, Any]:
    said = {} if tags is None else {ALTERNATE_TAGS: tags}
    return {
        "id": _sha(f"{app['name']} {image} {process} {time.time_ns()}", 64),
        "image": image,
        "sha": _sha(str(image), 64),
        "labels": said | labels(app["options"]["deploy"]),
        "process": process,
        "keys": sorted(app["config"]),
        "config": dict(app["config"]),
        "predeploy": False,
        "started": time.time(),
        "status": "running",
    }


def _sha(text: str, length: int) -> str:
    return images.digest(text).removeprefix("sha256:")[:length]
