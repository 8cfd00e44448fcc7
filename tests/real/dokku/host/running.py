"""`ps:…`, `git:…` and `run`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from .session import Exit, Session, options
from .shell import Shell
from .state import App

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "dokku"
PS = {
    "Processes:": "1",
    "Ps can scale:": "true",
    "Ps computed dockerfile start cmd:": "",
    "Ps computed procfile path:": "Procfile",
    "Ps computed restart policy:": "on-failure:10",
    "Ps computed skip deploy:": "false",
    "Ps computed start cmd:": "",
    "Ps computed stop timeout seconds:": "30",
    "Ps dockerfile start cmd:": "",
    "Ps global procfile path:": "",
    "Ps global restart policy:": "",
    "Ps global skip deploy:": "",
    "Ps global stop timeout seconds:": "",
    "Ps procfile path:": "",
    "Ps restart policy:": "",
    "Ps skip deploy:": "",
    "Ps start cmd:": "",
    "Ps stop timeout seconds:": "",
    "Restore:": "true",
}
GIT = {
    "computed-archive-max-files": "10000",
    "computed-archive-max-size": "1073741824",
    "computed-deploy-branch": "master",
    "computed-keep-git-dir": "false",
    "deploy-branch": "master",
    "global-archive-max-files": "",
    "global-archive-max-size": "",
    "global-deploy-branch": "",
    "global-keep-git-dir": "",
    "keep-git-dir": "",
}


def from_image(session: Session, words: list[str]) -> None:
    """`git:from-image APP IMAGE`"""
    name, reference = (*options(words)[1], "", "")[:2]
    session.known(name)
    if not reference:
        raise session.fail("Please specify a docker image")
    session.deployment(name).from_image(reference)


def git_report(session: Session, words: list[str]) -> None:
    """`git:report APP [--format json]`"""
    chosen, rest = options(words, "--format")
    name = session.known("".join(rest[:1]))
    with session.host.app(name) as app:
        source: dict[str, Any] = app["repository"] or {}
    found = dict(GIT, **{"last-updated-at": str(source.get("updated", "")), "rev-env-var": "GIT_REV"})
    found |= {"sha": source.get("sha", ""), "source-image": source.get("image") or ""}
    if chosen.get("--format") == "json":
        session.talk.out(json.dumps(found, separators=(",", ":")) + "\n")
        return
    for key, value in found.items():
        if f"--git-{key}" in chosen:
            session.talk.out(f"{value}\n")
            return
    session.talk.out(f"=====> {name} git information\n")
    for key, value in found.items():
        title = f"Git {key.replace('-', ' ')}:"
        session.talk.out(f"       {title:30} {value}\n")


def rebuild(session: Session, words: list[str]) -> None:
    """`ps:rebuild APP`"""
    name = session.known("".join(options(words)[1][:1]))
    with session.host.app(name) as app:
        source, built = app["repository"], app["built"]
    if source is None:
        raise Exit(1 if built else 0)
    session.deployment(name).rebuild()


def restart(session: Session, words: list[str]) -> None:
    """`ps:restart APP`"""
    name = session.known("".join(options(words)[1][:1]))
    if not session.deployed(name):
        raise session.fail(f"App {name} has not been deployed", 0)
    session.deployment(name).restart()


def ps_report(session: Session, words: list[str]) -> None:
    """`ps:report APP [--format json]`"""
    chosen, rest = options(words, "--format")
    name = session.known("".join(rest[:1]))
    with session.host.app(name) as app:
        containers = app["containers"]
    runs = [container for container in containers if container["status"] == "running"]
    up = "true" if runs and len(runs) == len(containers) else "mixed" if runs else "false"
    found = {"Deployed:": "true" if containers else "false"} | PS | {"Processes:": str(len(containers))}
    found |= {"Running:": up}
    if chosen.get("--format") == "json":
        session.talk.out(json.dumps(_as_json(found, containers), sort_keys=True, separators=(",", ":")) + "\n")
        return
    for container in containers:
        title = "Status " + container["process"].replace(".", " ") + ":"
        found[title] = f"{container['status']} (CID: {container['id'][:11]})"
    session.talk.out(f"=====> {name} ps information\n")
    session.talk.out("".join(f"       {title:33} {value}\n" for title, value in found.items()))


def inspect(session: Session, words: list[str]) -> None:
    """`ps:inspect APP`"""
    name = session.known("".join(options(words)[1][:1]))
    with session.host.app(name) as app:
        documents = [_document(app, container) for container in app["containers"]]
    if not documents:
        session.talk.err((FIXTURES / "inspect-nothing.txt").read_text())
        raise Exit(1)
    session.talk.out(json.dumps(documents, indent=4, sort_keys=True) + "\n\n")


def run(session: Session, words: list[str]) -> None:
    """`run [--no-tty] [--env KEY=VALUE] APP COMMAND…`: one of the few that this shell knows."""
    left = list(words)
    while left and left[0].startswith("-"):
        if left.pop(0) in ("--env", "-e", "--ttl-seconds"):
            left = left[1:]
    name = session.known("".join(left[:1]))
    with session.host.app(name) as app:
        built, config = app["built"], dict(app["config"])
    if built is None:
        raise session.fail(f"App image (dokku/{name}:latest) not found")
    said = {"app": name, "image": built["image"], "task": "run", "command": left[1:]}
    session.host.log("tasks.log", **said, event="start")
    shell = Shell(session.talk, session.host.image(built["image"]) or {}, config)
    code = shell.command(left[1:])
    session.host.log("tasks.log", **said, event="end", exit=code)
    raise Exit(code)


def _as_json(found: dict[str, str], containers: list[dict[str, Any]]) -> dict[str, str]:
    """Each property of `ps` under two names."""
    keys = {title.rstrip(":").lower().replace(" ", "-"): value for title, value in found.items()}
    keys |= {key.removeprefix("ps-"): value for key, value in keys.items()}
    for container in containers:
        keys[f"status-{container['process']}"] = f"{container['status']} (CID: {container['id'][:11]})"
    return keys


def _document(app: App, container: dict[str, Any]) -> dict[str, Any]:
    """What `docker container inspect` tells, with the values of the environment hidden."""
    text = (FIXTURES / "container.json").read_text().replace("rec5", app["name"])
    document: dict[str, Any] = json.loads(text.replace(json.loads(text)["Id"], container["id"]))
    config, process = document["Config"], container["process"]
    environment = [f"{key}=XXXXXX" for key in sorted({"GIT_REV", *container["keys"]})]
    config["Env"] = [*environment, f"DYNO={process}", "PORT=5000", config["Env"][-1]]
    config["Hostname"] = container["id"][:12]
    own = {
        key: value for key, value in config["Labels"].items() if not key.startswith(("ownstack.", "com.dokku.docker-"))
    }
    if not container["predeploy"]:
        own = {key: own[key] for key in own if key not in ("com.dokku.predeploy-phase", "dokku_phase_script")}
    own |= {"com.dokku.dyno": process, "com.dokku.process-type": process.partition(".")[0]}
    own["openresty.port-mapping"] = " ".join(app["ports"] or ["http:5000:5000"])
    config["Labels"] = own | container["labels"]
    document["Image"] = f"sha256:{container['sha']}"
    document["Name"] = f"/{app['name']}.{process}"
    started = time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime(container["started"]))
    document["Created"] = document["State"]["StartedAt"] = started
    runs = container["status"] == "running"
    document["State"] |= {
        "Status": container["status"],
        "Running": runs,
        "Pid": document["State"]["Pid"] if runs else 0,
    }
    return document
