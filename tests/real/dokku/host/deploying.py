"""A deployment, step by step: an image gets into the repository, is built, does its tasks, goes live or does not."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from . import texts
from .options import labels
from .state import ALTERNATE_TAGS, DEPLOYMENT, App, Host
from .talking import Talk

BEFORE_TASKS = "before the tasks"
AFTER_TASKS = "after the tasks"


class Failed(Exception):
    """It ends here, with this exit code."""

    def __init__(self, code: int = 1) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Deployment:
    """One at a time per app. What it says goes to stdout, errors too."""

    host: Host
    talk: Talk
    app: str
    chance: random.Random
    came: str = BEFORE_TASKS
    image: str | None = None
    known: dict[str, Any] = field(default_factory=dict)
    lock: int | None = None

    def from_image(self, reference: str) -> None:
        """`git:from-image`. Raises Failed."""
        self.talk.out("-----> Generating build context\n")
        self._have(reference)
        self.talk.out("-----> Updating git repository with specified build context\n")
        with self.host.app(self.app) as app:
            before = app["repository"]
            if before and before["image"] == reference:
                self.talk.out(texts.NO_CHANGES)
                raise Failed
            app["history"] += [before] if before else []
            app["repository"] = self._commit(reference)
            self.talk.out(self._update(before, app["repository"]))
        self._lock()
        self.talk.at_death = lambda: self._dropped(bool(before))
        try:
            self._step("update")
            with self.host.app(self.app) as app:
                app["config"]["GIT_REV"] = app["repository"]["sha"]  # and there it stays
            self._build_and_deploy()
        except Failed:
            self._put_back(bool(before))
            raise
        self.talk.at_death = lambda: None

    def rebuild(self) -> None:
        """`ps:rebuild`. Raises Failed."""
        self._lock()
        self._build_and_deploy()

    def restart(self) -> None:
        """`ps:restart`, and `config:set`: what was built last goes live, after its tasks. Raises Failed."""
        self._lock()
        self.talk.out(f"-----> Restarting app {self.app}\n")
        with self.host.app(self.app) as app:
            self._take((app["built"] or {}).get("image"))
        self._release_and_deploy()

    def _have(self, reference: str) -> None:
        self._step("pull", reference)
        known = self.host.image(reference)
        pulled = self.host.folder / "pulled"
        have = pulled.read_text().splitlines() if pulled.exists() else []
        if known and reference in have:
            self.talk.out("-----> Image exists on host, skipping pull\n")
            return
        self.talk.out("-----> Pulling image\n")
        if known is None:
            self.talk.out(
                f"Error response from daemon: manifest for {reference} not found: manifest unknown: manifest unknown\n"
                f" !     Failed to pull image: {reference}\n"
            )
            raise Failed
        self.talk.out(texts.pulling(reference, self.chance))
        with pulled.open("a") as listed:
            listed.write(f"{reference}\n")

    def _commit(self, reference: str) -> dict[str, Any]:
        return {"image": reference, "sha": texts.some_hex(self.chance, 40), "updated": int(time.time())}

    def _update(self, before: dict[str, Any] | None, after: dict[str, Any]) -> str:
        if before is None:
            return "       Detected branch, setting deploy-branch to master\n"
        temporary = "".join(self.chance.choices("abcdefghijkXYZ0123456789", k=6))
        return (
            f"From dokku-PID-trigger-git-git-from-directory.{temporary}\n"
            f"   {before['sha'][:7]}..{after['sha'][:7]}  master     -> master\n"
        )

    def _lock(self) -> None:
        with self.host.app(self.app) as app:
            closed = app["locked"]
        self.lock = None if closed else self.host.deploy_lock(self.app)
        if self.lock is None:
            self.talk.out(
                f" !     {self.app} currently has a deploy lock in place. Exiting...\n"
                " !     Run 'apps:unlock' to release the existing deploy lock\n"
            )
            raise Failed

    def _take(self, reference: str | None) -> None:
        self.image, self.known = reference, self.host.image(reference) or {"behaviour": "good"}

    def _build_and_deploy(self) -> None:
        self.talk.out("-----> Cleaning up...\n")
        self.talk.out(f"-----> Building {self.app} from Dockerfile\n")
        with self.host.app(self.app) as app:
            self._take((app["repository"] or {}).get("image"))
        self._step("build")
        self.talk.out(texts.building(self.app, self.image or "scratch", self.chance))
        with self.host.app(self.app) as app:
            app["built"] = dict(app["repository"] or {"image": None, "sha": ""})
        self._release_and_deploy()

    def _release_and_deploy(self) -> None:
        self.talk.out(f"-----> Releasing {self.app}...\n")
        self._step("release-image")
        self.came = AFTER_TASKS
        self._task("predeploy", "predeploy task from app.json", "prefail")
        self._task("release", "release task from Procfile in ephemeral container", "relfail")
        with self.host.app(self.app) as app:
            old, fresh = list(app["containers"]), app["fresh"]
            app["fresh"] = False
        if fresh:
            self.talk.out("-----> Checking for heroku.postdeploy task\n")
            self.talk.out("       No heroku.postdeploy task found, skipping\n")
        self.talk.out("=====> Processing deployment checks\n")
        self.talk.out(f"-----> Deploying {self.app} via the docker-local scheduler...\n")
        if self._scaled_down():
            self.talk.out(" !     Skipping release as it is missing from the current Procfile\n")
        self.talk.out("-----> Deploying web (count=1)\n")
        new = self._start()
        self._go_live(old, new)
        self._finish(old, new)
        self.talk.out(f"=====> Application deployed:\n       {self._url()}\n\n")

    def _scaled_down(self) -> bool:
        """Whether the Procfile before had a release task, and this one has none."""
        with self.host.app(self.app) as app:
            had, app["release"] = app["release"], self._script("release") is not None
            return bool(had and not app["release"])

    def _start(self) -> list[dict[str, Any]]:
        """New containers, which must come up."""
        self._step("start")
        new = self._containers()
        first = new[0]["id"]
        failing = self._fails("hcfail")
        path = "/missing.html" if failing else "/index.html"
        self.talk.out(texts.CHECKS.format(path=path))
        self._step("checks")
        if failing:
            self.talk.out(texts.failed_start(self.app, first, [], texts.NOT_FOUND))
            raise Failed
        if self._fails("crash"):
            self.talk.out(texts.failed_start(self.app, first, ["boom"] * 8, texts.NOT_UP))
            raise Failed
        self.talk.out(texts.CHECKED)
        self.talk.out(f"=====> Start of {self.app} container output ({first[:12]} web.1)\n")
        self.talk.out(f"=====> End of {self.app} container output ({first[:12]} web.1)\n")
        return new

    def _go_live(self, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
        with self.host.app(self.app) as app:
            app["containers"] = new
            app["retired"] += [container["id"] for container in old]
        self.host.log("steps.log", app=self.app, step="live", image=self.image)
        if old:
            self.talk.out("       Scheduling old container shutdown in 60 seconds (web.1)\n")
        self.talk.out("=====> Triggering early nginx proxy rebuild\n")

    def _finish(self, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
        self._proxy()
        if self._script("release") is not None:
            self.talk.out("-----> Deploying release (count=0)\n")
        self.talk.out("-----> Running post-deploy\n")
        self._proxy()
        self._step("rename")
        last = old[0]["id"] if old else None
        self.talk.out(texts.renaming(self.app, new[0]["process"], last, new[0]["id"], self.chance))
        self._task("postdeploy", "postdeploy task from app.json in ephemeral container", "postfail")
        if old:
            self.talk.out("-----> Shutting down old containers in 60 seconds\n")

    def _proxy(self) -> None:
        self._step("proxy")
        with self.host.app(self.app) as app:
            domain = app["domain"]
        self.talk.out(f"-----> Ensuring network configuration is in sync for {self.app}\n")
        self.talk.out(texts.configuring(domain))
        self.talk.out(texts.nginx(self.chance))

    def _containers(self) -> list[dict[str, Any]]:
        with self.host.app(self.app) as app:
            return [self._container(app, process) for process in app["processes"]]

    def _container(self, app: App, process: str) -> dict[str, Any]:
        tags = json.dumps([self.image or f"dokku/{self.app}:latest"])
        return {
            "id": texts.some_hex(self.chance, 64),
            "image": self.image,
            "sha": texts.some_hex(self.chance, 64),
            "labels": {ALTERNATE_TAGS: tags} | labels(app["options"]["deploy"]),
            "process": process,
            "keys": sorted(app["config"]),
            "config": dict(app["config"]),
            "predeploy": self._script("predeploy") is not None,
            "started": time.time(),
            "status": "running",
        }

    def _task(self, task: str, what: str, failure: str) -> None:
        self.talk.out(f"-----> Checking for {task} task\n")
        script = self._script(task)
        if script is None:
            self.talk.out(f"       No {task} task found, skipping\n")
            return
        self.talk.out(f"       Executing {what}: {script}\n")
        mark = texts.some_hex(self.chance, 9)
        said = self._logged(task, "start")
        self._step(task)
        failing = self._fails(failure)
        self.host.log("tasks.log", **said | {"event": "end", "failed": failing})
        output = self.known.get("output", {}).get(task, "")
        self.talk.out(f"=====> Start of {self.app} {task} task ({mark}) output\n{output}")
        self.talk.out(f"=====> End of {self.app} {task} task ({mark}) output\n")
        if failing:
            self.talk.out(f" !     Execution of {task} task failed: {script}\n\n")
            raise Failed

    def _logged(self, task: str, event: str) -> dict[str, Any]:
        with self.host.app(self.app) as app:
            found, config = labels(app["options"]["deploy"]), dict(app["config"])
        said = {"app": self.app, "image": self.image, "task": task, "event": event, "labels": found, "config": config}
        said["deployment"] = found.get(DEPLOYMENT)
        self.host.log("tasks.log", **said)
        return said

    def _script(self, task: str) -> str | None:
        script: str | None = self.known.get("scripts", {}).get(task)
        return script

    def _fails(self, behaviour: str) -> bool:
        """`times` of an image: so often it fails, and then no more."""
        if self.known.get("behaviour") != behaviour:
            return False
        times = self.known.get("times")
        if times is None:
            return True
        failed = self.host.folder / "failed" / (self.image or "").rpartition(":")[2]
        failed.parent.mkdir(exist_ok=True)
        before = int(failed.read_text()) if failed.exists() else 0
        failed.write_text(str(before + 1))
        return before < int(times)

    def _step(self, name: str, image: str | None = None) -> None:
        settings = self.host.settings
        usual = settings["steps"].get(name, settings["step"])
        self.host.log("steps.log", app=self.app, step=name, image=image or self.image)
        self.talk.step(name, self.known.get("steps", {}).get(name, usual))

    def _put_back(self, had_code: bool) -> None:
        """By one commit, whoever made it; where there was no code before, to nothing."""
        with self.host.app(self.app) as app:
            app["history"] = app["history"] if had_code else []
            app["repository"] = app["history"].pop() if app["history"] else None

    def _dropped(self, had_code: bool) -> None:
        """The client had gone. Measured: dropped while it built, the image stayed; after the tasks, it was put back."""
        becomes = self.host.settings["dropped"]
        if becomes == "any":
            becomes = self.chance.choice(["left", "back"])
        if becomes == "back" or (becomes == "measured" and self.came == AFTER_TASKS):
            self._put_back(had_code)
        self.host.log("steps.log", app=self.app, step="died", image=self.image)

    def _url(self) -> str:
        with self.host.app(self.app) as app:
            port = "" if app["ports"] else ":5000"
            return f"http://{app['domain']}{port}"
