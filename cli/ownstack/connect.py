"""Makes the client, late: what it takes to speak HTTP is a third of a start, and not all commands ask a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ownstack.profiles import Profile

if TYPE_CHECKING:
    from ownstack.client import Client


def connect(profile: Profile) -> Client:
    """The client of a profile's server. Raises Failure `server-url`."""
    from ownstack.client import Client  # noqa: PLC0415 - late

    return Client(profile)


def connect_quickly(profile: Profile, timeout: float) -> Client:
    """One that has its answer within `timeout` seconds, or none. Raises Failure `server-url`."""
    from ownstack.client import Client  # noqa: PLC0415 - late

    return Client(profile, timeout=timeout, patience=0)
