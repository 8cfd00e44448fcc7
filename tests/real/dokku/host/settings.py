"""`config:…` and `docker-options:…`."""

from __future__ import annotations

import base64
import json
import re

from .options import stored
from .session import Exit, Session, options
from .state import PHASES

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def config_set(session: Session, words: list[str]) -> None:
    """`config:set [--no-restart] [--encoded] APP KEY=VALUE…`"""
    chosen, rest = options(words)
    name = session.known("".join(rest[:1]))
    if not rest[1:]:
        raise session.fail("At least one env pair must be given")
    pairs = dict(_pair(session, word, "--encoded" in chosen) for word in rest[1:])
    changes = session.host.settings["changes"]
    session.talk.step("config", 0)
    with session.host.app(name) as app:
        app["config"] |= {key: value[:-1] if key in changes else value for key, value in pairs.items()}
    session.talk.step("config-done", 0)
    width = max(map(len, pairs)) + 1
    session.talk.out("-----> Setting config vars\n")
    for key in sorted(pairs):
        value = pairs[key].rstrip("\n")
        session.talk.out(f"       {key + ':':{width}}  {value}\n")
    _restart(session, name, chosen)


def config_unset(session: Session, words: list[str]) -> None:
    """`config:unset [--no-restart] APP KEY…`"""
    chosen, rest = options(words)
    name = session.known("".join(rest[:1]))
    with session.host.app(name) as app:
        for key in rest[1:]:
            had = app["config"].pop(key, None) is not None
            said = f"Unsetting {key}" if had else f"Skipping {key}, it is not set in the environment"
            session.talk.out(f"-----> {said}\n")
    _restart(session, name, chosen)


def config_export(session: Session, words: list[str]) -> None:
    """`config:export [--format json] APP`"""
    chosen, rest = options(words, "--format")
    name = session.known("".join(rest[:1]))
    with session.host.app(name) as app:
        config = app["config"]
    session.host.log("steps.log", app=name, step="config-read", image=None)
    if chosen.get("--format") == "json":
        # as Go writes it: sorted, no spaces, and <, > and & as \u003c and so on
        text = json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        for char in "<>&\u2028\u2029":
            text = text.replace(char, f"\\u{ord(char):04x}")
        session.talk.out(text + "\n")
        return
    for key in sorted(config):
        value = config[key].replace("'", "'\\''")
        session.talk.out(f"export {key}='{value}'\n")


def config_keys(session: Session, words: list[str]) -> None:
    """`config:keys APP`"""
    with session.host.app(session.known("".join(options(words)[1][:1]))) as app:
        session.talk.out("".join(f"{key}\n" for key in sorted(app["config"])))


def config_get(session: Session, words: list[str]) -> None:
    """`config:get APP KEY`"""
    name, key = (*options(words)[1], "", "")[:2]
    with session.host.app(session.known(name)) as app:
        value = app["config"].get(key)
    if value is None:
        raise Exit(1)
    session.talk.out(f"{value}\n")


def options_add(session: Session, words: list[str]) -> None:
    """`docker-options:add APP PHASE[,PHASE] OPTION…`"""
    name, phases, added = _option(session, words, "add to")
    with session.host.app(name) as app:
        for phase in phases:
            app["options"][phase] = sorted([*app["options"][phase], *added])


def options_remove(session: Session, words: list[str]) -> None:
    """`docker-options:remove APP PHASE[,PHASE] OPTION…`"""
    name, phases, removed = _option(session, words, "remove from")
    with session.host.app(name) as app:
        for phase in phases:
            app["options"][phase] = sorted(kept for kept in app["options"][phase] if kept not in removed)


def options_clear(session: Session, words: list[str]) -> None:
    """`docker-options:clear APP [PHASE…]`"""
    name = session.known("".join(words[:1]))
    phases = _phases(session, words[1] if words[1:] else ",".join(PHASES))
    if not words[1:]:
        session.talk.out(f"-----> Clearing docker-options for {name} on all phases\n")
    with session.host.app(name) as app:
        for phase in phases if words[1:] else ():
            session.talk.out(f"-----> Clearing docker-options for {name} on phase {phase}\n")
        for phase in phases:
            app["options"][phase] = []


def options_report(session: Session, words: list[str]) -> None:
    """`docker-options:report APP [--docker-options-PHASE]`"""
    chosen, rest = options(words, "--format")
    name = session.known("".join(rest[:1]))
    with session.host.app(name) as app:
        found = {phase: " ".join(app["options"][phase]) for phase in PHASES}
    if chosen.get("--format") == "json":
        session.talk.out(json.dumps(found, separators=(",", ":")) + "\n")
        return
    for phase in PHASES:
        if f"--docker-options-{phase}" in chosen:
            session.talk.out(f"{found[phase]}\n")
            return
    session.talk.out(f"=====> {name} docker-options information\n")
    for phase in PHASES:
        title = f"Docker options {phase}:"
        session.talk.out(f"       {title:30} {found[phase]}\n")


def _pair(session: Session, word: str, encoded: bool) -> tuple[str, str]:
    key, sign, value = word.partition("=")
    if not sign:
        raise session.fail(f"Invalid env pair: {word}")
    if not KEY.fullmatch(key):
        raise session.fail(f"Invalid key name: '{key}'")
    if encoded:
        try:
            value = base64.b64decode(value, validate=True).decode()
        except ValueError:
            raise session.fail(f"illegal base64 data at input byte 0 for key '{key}'") from None
    return key, value


def _restart(session: Session, name: str, chosen: dict[str, str]) -> None:
    if "--no-restart" not in chosen and session.deployed(name):
        session.deployment(name).restart()


def _option(session: Session, words: list[str], does: str) -> tuple[str, list[str], list[str]]:
    name = session.known("".join(words[:1]))
    phases = _phases(session, "".join(words[1:2]))
    found = stored(" ".join(words[2:]))
    if not found:
        raise session.fail(f"Please specify docker options to {does} the phase")
    return name, phases, found


def _phases(session: Session, listed: str) -> list[str]:
    phases = listed.split(",")
    if not listed or set(phases) - set(PHASES):
        raise session.fail("Phase(s) must be one of [build deploy run]")
    return phases
