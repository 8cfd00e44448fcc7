"""Where a stack is, as it is typed: an address for its driver; of a Dokku server its host, port, user and key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ownstack.answers import Json
from ownstack.hostkeys import pin_of
from ownstack.sending import must
from ownstack_contracts.ssh import SshAddress, parse_ssh

Address = Annotated[
    str | None, typer.Option("--address", help="Where it is: for `program` the program's path. Not for `dokku`.")
]
Host = Annotated[str | None, typer.Option("--host", help="Where a `dokku` stack is: a name or an IP address.")]
Port = Annotated[
    int | None, typer.Option("--port", min=1, max=65535, metavar="N", help="Of its SSH; for a new stack else 22.")
]
User = Annotated[str | None, typer.Option("--user", help="As whom to log in there; for a new stack else dokku.")]
HostKey = Annotated[
    str | None,
    typer.Option("--host-key", metavar="KEY", help="The key of the server: a line of OpenSSH, or SHA256:…"),
]

DOKKU = "dokku"
_NEW = SshAddress(DOKKU, "", 22)


class Ssh(NamedTuple):
    """What was typed of a server that is reached over SSH; None: not given."""

    host: str | None = None
    port: int | None = None
    user: str | None = None
    host_key: str | None = None

    @property
    def moves(self) -> bool:
        """Whether its address is given, or a part of it."""
        return any(part is not None for part in (self.host, self.port, self.user))

    @property
    def settings(self) -> dict[str, str]:
        """What of it is a setting of the driver. Raises a usage Failure for what can be no key."""
        return {} if self.host_key is None else {"host_key": pin(self.host_key)}

    def over(self, known: SshAddress) -> str:
        """The address: what is given, over what is `known`. Raises a usage Failure."""
        host = (self.host or known.host).removeprefix("[").removesuffix("]")
        address = SshAddress(self.user or known.user, host, self.port or known.port)
        try:
            return str(parse_ssh(str(address)))
        except ValueError as error:
            must(False, f"{error}.", "--host 203.0.113.7 --port 22 --user dokku")
            raise


def pin(given: str) -> str:
    """A server's key as its driver reads it. Raises a usage Failure for what can be none."""
    found = pin_of(given)
    hint = "--host-key SHA256:…, as ssh-keygen -lf shows it, or --host-key 'ssh-ed25519 AAAA…'"
    must(found, f"{given!r} is no key of a server.", hint)
    return str(found)


def new_stack(stack: str, driver: str | None, address: str | None, ssh: Ssh, settings: dict[str, str]) -> Json:
    """The form of a new stack. Raises a usage Failure for what does not fit its driver."""
    hint = f"ownstack stack add {stack} --driver dokku --host {ssh.host or 'HOST'}"
    if driver == DOKKU:
        must(address is None, "A dokku stack has no --address: it is found by --host, --port and --user.", hint)
        must(ssh.host, "A dokku stack needs a --host.", hint)
        where = ssh.over(_NEW)
    else:
        _must_be_none(ssh, hint)
        where = absolute(address or "")
    return {"name": stack, "driver": driver or "program", "address": where, "settings": {**settings, **ssh.settings}}


def moved(stack: Json, address: str | None, ssh: Ssh) -> Json:
    """The part of a stack's new form that says where it is. Raises a usage Failure for what does not fit its driver."""
    name = stack["name"]
    if stack["driver"] == DOKKU:
        hint = f"ownstack stack set {name} --host HOST"
        must(address is None, f"{name} is a dokku stack: it is found by --host, --port and --user.", hint)
        return {"address": ssh.over(_known(stack["address"]))} if ssh.moves else {}
    _must_be_none(ssh, f"ownstack stack set {name} --address ADDRESS")
    return {} if address is None else {"address": absolute(address)}


def _known(address: str) -> SshAddress:
    """An address that others gave, by the API, may be none; then what is typed is over that of a new stack."""
    try:
        return parse_ssh(address)
    except ValueError:
        return _NEW


def _must_be_none(ssh: Ssh, hint: str) -> None:
    given = any(part is not None for part in ssh)
    must(not given, "--host, --port, --user and --host-key are for stacks with --driver dokku.", hint)


def absolute(address: str) -> str:
    """A path that is relative to the folder of whoever types it means nothing to a deployer."""
    if address.startswith(("./", "../", "~/")):
        return str(Path(address).expanduser().resolve())
    return address


def pairs(given: list[str]) -> dict[str, str]:
    """Settings of a driver, as they were typed."""
    for pair in given:
        must("=" in pair, f"--set {pair} has no value.", "--set KEY=VALUE")
    return {pair.partition("=")[0]: pair.partition("=")[2] for pair in given}
