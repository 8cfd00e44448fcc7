"""Checks a stack: whether it can be used, what is wrong if not, and whether the key that it shows is its own."""

from __future__ import annotations

import sys

import typer

from ownstack.answers import Json
from ownstack.awaiting import Awaited, await_fact
from ownstack.exits import Failure
from ownstack.hostkeys import host_key, is_same, letting_in
from ownstack.paths import segment
from ownstack.sending import How, send
from ownstack.session import Session
from ownstack_contracts.ssh import parse_ssh

UNCONFIRMED, CHANGED, REFUSED = "host-key-unconfirmed", "host-key-changed", "key-refused"
"""What a check can say of keys: nobody has said yet whose key it is; it is not the one that was; ours is not let in."""


def check_stack(session: Session, how: How, stack: str, given: str | None = None) -> Json:
    """Check a stack, and return it with what was found, as its `check`. Raises Failure.

    A host key that nobody has confirmed is pinned if it is the `given` one, or if whoever types this says that it is
    right; then the stack is checked again.
    """
    found = _checked(session, how, stack)
    code = found["check"]["code"]
    if given is not None and code != CHANGED:
        _must_be_shown(found, given)
    if code == UNCONFIRMED and (given is not None or (can_ask(session) and _says_so(session, found))):
        pinned = {"settings": {"host_key": found["check"]["host_key"]}}
        send(session, How(None, wait=True), "PATCH", f"/stacks/{segment(stack)}", pinned)
        found = _checked(session, How(None, wait=True), stack)
    return found


def _checked(session: Session, how: How, stack: str) -> Json:
    view = send(session, how, "POST", f"/stacks/{segment(stack)}/checks")
    job = f"{view['id']}#check"

    def is_it(kind: str, data: Json) -> bool:
        return kind == "StackChecked" and data.get("job") == job

    await_fact(session, view["sequence"], Awaited(f"checking {stack} …", is_it, f"ownstack stack info {stack}"))
    return session.client.get(f"/stacks/{segment(stack)}")


def _must_be_shown(stack: Json, given: str) -> None:
    check = stack["check"]
    shown = check["host_key"]
    if is_same(given, shown, check["fingerprint"]) or (shown is None and check["code"] != UNCONFIRMED):
        return
    raise Failure(
        "host-key-differs",
        f"{host_of(stack)} shows another key than the given one: {_key_of(check)}.",
        hint="Nothing is pinned. Is the given one right, and is it the right server?",
        about={"check": check},
    )


def can_ask(session: Session) -> bool:
    """Whether somebody is there who can be asked."""
    return sys.stdin.isatty() and not session.output.json


def _says_so(session: Session, stack: Json) -> bool:
    check, host = stack["check"], host_of(stack)
    key = host_key(check["host_key"] or "")
    file = key.file if key else "/etc/ssh/ssh_host_ed25519_key.pub"
    session.output.note(f"{host} shows this key: {_key_of(check)}")
    session.output.note(f"Compare with: ssh-keygen -lf {file}   on the server")
    return bool(typer.confirm(f"Is this the key of {host}?", default=False, err=True))


def host_of(stack: Json) -> str:
    """How its server is called in its address."""
    try:
        return parse_ssh(stack["address"]).host
    except ValueError:
        return str(stack["name"])


def _key_of(check: Json) -> str:
    key = host_key(check["host_key"] or "")
    return f"{key.name if key else 'unknown kind'} {check['fingerprint']}"


def say_who_comes(session: Session, stack: Json) -> None:
    """By which key the deployer is known to the stack, if it uses any."""
    check = stack["check"]
    if check["public_key"]:
        session.output.say(f"The key of deployer {check['deployer']}: {check['public_key']}")


def how_to_let_in(stack: Json) -> str:
    """The line to run on the server."""
    return letting_in(stack["check"]["public_key"] or "", stack["check"]["deployer"])


def must_be_usable(session: Session, stack: Json) -> None:
    """Say that a stack can be used. Raises Failure, with what is wrong and what to do, if it can't."""
    check, name = stack["check"], stack["name"]
    session.output.document(stack)
    if check["code"] is None:
        session.output.say(f"{name} can be used.")
        return
    raise Failure(check["code"], sentence_of(stack), hint=_hint(session, stack), about={"check": check})


def sentence_of(stack: Json) -> str:
    """What is wrong. Of keys it is said here: what to do differs with how the command was called."""
    check, host = stack["check"], host_of(stack)
    if check["code"] == UNCONFIRMED:
        about = f"that {host} has the key {_key_of(check)}"
        return f"Nobody has confirmed {about}: nothing is deployed on {stack['name']} until then."
    if check["code"] == CHANGED:
        return f"{host} shows another key than the confirmed one: {_key_of(check)}."
    if check["code"] == REFUSED:
        return f"{host} does not let in the deployer {check['deployer']}: its key is not there."
    return str(check["message"] or check["code"])


def _hint(session: Session, stack: Json) -> str:
    check, name = stack["check"], stack["name"]
    if check["code"] == UNCONFIRMED and can_ask(session):
        return f"To confirm it later: ownstack stack check {name}"
    if check["code"] == UNCONFIRMED:
        return f"If it is right: ownstack stack check {name} --host-key {check['fingerprint']}"
    if check["code"] == CHANGED:
        meaning = "The server was set up anew, or somebody stands between it and the deployer."
        return f"{meaning} If it is right: ownstack stack set {name} --host-key {check['fingerprint']}"
    if check["code"] == REFUSED:
        return f"Run on the server: {how_to_let_in(stack)}"
    return f"Once that is mended: ownstack stack check {name}"
