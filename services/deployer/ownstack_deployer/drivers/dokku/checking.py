"""Checking a Dokku server: whether it can be reached, is the one that was confirmed, lets us in, and is a Dokku."""

from __future__ import annotations

import asyncio

from ownstack_contracts.jobs import StackCheckRequested
from ownstack_deployer.drivers.dokku.connecting import HostKeyRefused, Patience, Server
from ownstack_deployer.drivers.dokku.keys import OurKey, line_of
from ownstack_deployer.drivers.dokku.remote import Lost, Remote
from ownstack_deployer.drivers.port import Checked, PhaseFailed

_VERSION = "dokku version "


async def check(request: StackCheckRequested, ours: OurKey, patience: Patience, seconds: float) -> Checked:
    """What was found within so many seconds; what is wrong is in the answer."""
    ours_line = None
    try:
        ours_line = ours.public_line()
        server = Server.of(request.stack, request.address, request.settings)
        async with asyncio.timeout(seconds):
            return await _checked(server, ours, patience, ours_line)
    except HostKeyRefused as refused:
        shown = refused.shown
        return Checked(refused.code, refused.message, line_of(shown), shown.get_fingerprint(), ours_line)
    except PhaseFailed as failure:
        return Checked(failure.code, failure.message, public_key=ours_line)
    except TimeoutError:
        return Checked(
            "unreachable",
            f"{request.stack} ({request.address}) did not answer within {seconds:.0f} s. See how it fares.",
            public_key=ours_line,
        )


async def _checked(server: Server, ours: OurKey, patience: Patience, ours_line: str) -> Checked:
    remote = Remote(server, ours, patience)
    try:
        answer = await remote.ask("version", too_long="not-dokku")
        shown = remote.host_key
    except Lost as error:
        raise PhaseFailed("connection-lost", f"The connection to {server} was lost. Check it again.") from error
    finally:
        await remote.close()
    if answer.exit_code != 0 or not answer.out.startswith(_VERSION):
        raise PhaseFailed(
            "not-dokku",
            f"{server} lets us in, but no Dokku answers there: `version` ended with exit code {answer.exit_code}"
            f"{answer.said} The user of the address is to be that of Dokku, mostly `dokku`.",
        )
    assert shown is not None
    return Checked(None, "", line_of(shown), shown.get_fingerprint(), ours_line)
