"""`ownstack stack`: the servers that apps run on."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack.answers import Json
from ownstack.checking import REFUSED, check_stack, how_to_let_in, must_be_usable, say_who_comes, sentence_of
from ownstack.commands.addresses import (
    DOKKU,
    Address,
    Host,
    HostKey,
    Port,
    Ssh,
    User,
    moved,
    new_stack,
    pairs,
    pin,
)
from ownstack.commands.params import Key, NoWait, Stack
from ownstack.exits import Failure
from ownstack.output import fields, moment, table
from ownstack.paths import segment
from ownstack.sending import How, must, send, tell
from ownstack.session import Session, command

Driver = Annotated[
    str | None,
    typer.Option(
        "--driver",
        help="How it is driven: dokku (a Dokku server over SSH), program (a program of yours), or noop (which does "
        "nothing); else program.",
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="For its driver (several times).")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="For its driver (several times); KEY= takes one away."),
]
Forget = Annotated[bool, typer.Option("--forget", help="Although apps are on it: leave them behind there.")]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="Stacks: the servers that apps run on.", no_args_is_help=True)
    command(made, "add")(add)
    command(made, "list")(list_)
    command(made, "info")(info)
    command(made, "check")(check)
    command(made, "set")(set_)
    command(made, "remove")(remove)
    return made


def add(
    session: Session,
    stack: Stack,
    address: Address = None,
    driver: Driver = None,
    host: Host = None,
    port: Port = None,
    user: User = None,
    host_key: HostKey = None,
    settings: Settings = None,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Add a stack.

    A dokku stack is checked at once. It is right to go on, and the exit code 0, if it only has to let the deployer's
    key in: the line that does so is shown. Any other fault is 1; the stack is there all the same.
    """
    body = new_stack(stack, driver, address, Ssh(host, port, user, host_key), pairs(settings or []))
    how = How(key, not no_wait)
    view = send(session, how, "POST", "/stacks", body)
    if driver != DOKKU or no_wait:
        tell(session, how, view, f"{stack} is a stack.")
        return
    session.output.say(f"{stack} is a stack.")
    _first_check(session, stack)


def _first_check(session: Session, stack: str) -> None:
    try:
        found = check_stack(session, How(None, wait=True), stack)
    except Failure as failure:
        failure.message = f"{stack} is added. {failure.message}"
        raise
    say_who_comes(session, found)
    if found["check"]["code"] != REFUSED:
        must_be_usable(session, found)
        return
    session.output.say(f"{sentence_of(found)} Run on the server: {how_to_let_in(found)}")
    session.output.say(f"Whether it works then, this tells: ownstack stack check {stack}")
    session.output.document(found)


def list_(session: Session) -> None:
    """All stacks."""
    found = list(session.client.pages("/stacks"))
    rows = [(s["name"], s["driver"], s["address"], ", ".join(s["apps"])) for s in found]
    session.output.show(table(("STACK", "DRIVER", "ADDRESS", "APPS"), rows))
    session.output.document(found)


def info(session: Session, stack: Stack) -> None:
    """A stack, the apps on it, and whether it could be used when it was checked last."""
    found = session.client.get(f"/stacks/{segment(stack)}")
    settings = ", ".join(f"{k}={v}" for k, v in found["settings"].items())
    session.output.show(
        fields(
            [
                ("stack", found["name"]),
                ("driver", found["driver"]),
                ("address", found["address"]),
                ("settings", settings),
                ("added", moment(found["added_at"])),
                ("apps", ", ".join(found["apps"])),
                *_check_fields(found.get("check")),
            ]
        )
    )
    session.output.document(found)


def _check_fields(check: Json | None) -> list[tuple[str, str | None]]:
    if check is None:
        return [("checked", None)]
    verdict = "can be used" if check["code"] is None else check["message"] or check["code"]
    rows = [("checked", f"{moment(check['at'])} by {check['deployer']}: {verdict}")]
    keys = (("host key", check["fingerprint"]), ("deployer's key", check["public_key"]))
    return [*rows, *((name, key) for name, key in keys if key)]


def check(session: Session, stack: Stack, host_key: HostKey = None, key: Key = None, no_wait: NoWait = False) -> None:
    """Say whether a stack can be used; if not, in one sentence, what is wrong.

    A server's key that nobody has confirmed is shown, and asked about; --host-key confirms it without a question, if
    it is the one that the server shows.
    """
    given = None if host_key is None else pin(host_key)
    must(given is None or not no_wait, "Give --host-key or --no-wait, not both.", f"ownstack stack check {stack}")
    how = How(key, not no_wait)
    if no_wait:
        tell(session, how, send(session, how, "POST", f"/stacks/{segment(stack)}/checks"), "")
        return
    must_be_usable(session, check_stack(session, how, stack, given))


def set_(
    session: Session,
    stack: Stack,
    address: Address = None,
    host: Host = None,
    port: Port = None,
    user: User = None,
    host_key: HostKey = None,
    settings: Changes = None,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Change where a stack is, or what its driver knows of it; what is not given stays."""
    ssh, chosen = Ssh(host, port, user, host_key), pairs(settings or [])
    body: Json = {}
    if address is not None or ssh != Ssh():
        body = moved(session.client.get(f"/stacks/{segment(stack)}"), address, ssh)
    if chosen or ssh.settings:
        body["settings"] = {**chosen, **ssh.settings}
    must(body, "Nothing to change is given.", f"To see it: ownstack stack info {stack}. To change: --help")
    how = How(key, not no_wait)
    tell(session, how, send(session, how, "PATCH", f"/stacks/{segment(stack)}", body), f"{stack} is changed.")


def remove(session: Session, stack: Stack, forget: Forget = False, key: Key = None, no_wait: NoWait = False) -> None:
    """Remove a stack that no app is on."""
    how = How(key, not no_wait)
    view = send(session, how, "DELETE", f"/stacks/{segment(stack)}", forget="true" if forget else None)
    tell(session, how, view, f"{stack} is no stack any more.")
