"""`apps:…`, `ports:set`, `version`."""

from __future__ import annotations

import os
import re

from . import texts
from .session import Exit, Session, options
from .state import new_app

NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
BAD_NAME = (
    "App name must begin with lowercase alphanumeric character, and may only contain lowercase alphanumerics, dots, "
    "and hyphens"
)


def version(session: Session, words: list[str]) -> None:
    """`version`"""
    session.talk.out(f"dokku version {session.host.settings['version']}\n")


def exists(session: Session, words: list[str]) -> None:
    """`apps:exists APP`"""
    session.known("".join(words[:1]))


def listed(session: Session, words: list[str]) -> None:
    """`apps:list`"""
    with session.host.apps() as apps:
        names = sorted(apps)
    if not names:
        raise session.fail("You haven't deployed any applications yet", 0)
    session.talk.out("=====> My Apps\n" + "".join(f"{name}\n" for name in names))


def create(session: Session, words: list[str]) -> None:
    """`apps:create APP`"""
    name = "".join(words[:1])
    _check(session, name)
    session.talk.step("create", 0)
    _create(session, name)


def clone(session: Session, words: list[str]) -> None:
    """`apps:clone [--skip-deploy] [--ignore-existing] OLD NEW`"""
    chosen, names = options(words)
    old, new = (*names, "", "")[:2]
    session.known(old)
    with session.host.apps() as apps:
        taken = new in apps
    if taken:
        raise session.fail("Name is already taken", 0 if "--ignore-existing" in chosen else 1)
    _check(session, new)
    session.talk.out(f"-----> Cloning {old} to {new}\n")
    _create(session, new)
    with session.host.apps() as apps:
        for copied in ("repository", "history", "options", "config"):
            apps[new][copied] = apps[old][copied]
        apps[new]["fresh"] = False
        source = apps[new]["repository"]
    if source and "--skip-deploy" not in chosen:
        session.deployment(new).rebuild()


def destroy(session: Session, words: list[str]) -> None:
    """`apps:destroy [--force] APP`"""
    chosen, names = options(words)
    name = session.known("".join(names[:1]))
    if "--force" not in chosen:
        _confirm(session, name)
    with session.host.apps() as apps:
        gone = apps.pop(name)
    session.host.unlock(name)
    session.talk.out(f"-----> Destroying {name} (including all add-ons)\n-----> Cleaning up...\n")
    session.talk.out("-----> Retiring old containers and images\n")
    for container in gone["retired"]:
        session.talk.out(f"       Attempting to retire {name} container {container}\n")
    session.talk.err(texts.nginx(session.chance))


def lock(session: Session, words: list[str]) -> None:
    """`apps:lock APP`"""
    with session.host.app(session.known("".join(words[:1]))) as app:
        app["locked"] = True
    session.talk.out("-----> Deploy lock created\n")


def unlock(session: Session, words: list[str]) -> None:
    """`apps:unlock APP`"""
    name = session.known("".join(words[:1]))
    session.talk.err(" !     A deploy may be in progress.\n")
    session.talk.err(" !     Removing the app lock will not stop in progress deploys.\n")
    with session.host.app(name) as app:
        app["locked"] = False
    session.host.unlock(name)
    session.talk.out("-----> Deploy lock removed\n")


def ports(session: Session, words: list[str]) -> None:
    """`ports:set APP SCHEME:PORT:PORT…`"""
    name = session.known("".join(words[:1]))
    with session.host.app(name) as app:
        app["ports"] = words[1:]
    _nginx(session, name)


def _check(session: Session, name: str) -> None:
    if not NAME.fullmatch(name):
        raise session.fail(BAD_NAME)
    with session.host.apps() as apps:
        if name in apps:
            raise session.fail("Name is already taken")


def _create(session: Session, name: str) -> None:
    with session.host.apps() as apps:
        apps[name] = new_app(name, session.host.settings["domain"])
    session.talk.out(f"-----> Creating {name}...\n-----> Creating new app virtual host file...\n")
    _nginx(session, name)


def _nginx(session: Session, name: str) -> None:
    with session.host.app(name) as app:
        domain = app["domain"]
    session.talk.err(f" !     No web listeners specified for {name}\n")
    session.talk.out(texts.configuring(domain))
    session.talk.err(texts.nginx(session.chance))


def _confirm(session: Session, name: str) -> None:
    session.talk.err(" !     WARNING: Potentially Destructive Action\n")
    session.talk.err(f' !     This command will destroy app {name}.\n !     To proceed, type "{name}"\n')
    session.talk.out("> ")
    said = os.read(0, 1_000).decode(errors="replace")
    if not said:
        raise session.fail("EOF")
    if said.strip() != name:
        session.talk.err(f" !     Confirmation did not match {name}. Aborted.\n")
        raise Exit(1)
