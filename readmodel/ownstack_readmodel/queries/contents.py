"""Which releases stacks hold: those that they were given, or else those whose image it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, select

from ownstack_readmodel.effective import Effective, effective_on
from ownstack_readmodel.tables import RELEASES

Image = tuple[str, str | None]
"""App id and digest: what releases of an image have in common. Without a digest it is that of no release."""


class Release(NamedTuple):
    """A release of an image, with the config that it is on each stack."""

    number: int
    effective: Effective


Releases = Mapping[Image, Sequence[Release]]
"""Of each image its releases, the newest first."""


def image_of(row: Row[Any]) -> Image:
    """What a stack holds."""
    return row.app_id, row.digest


def expected_image(row: Row[Any]) -> Image:
    """What is expected on a stack."""
    return row.app_id, row.released_digest


def releases_of(connection: Connection, team: str, images: Iterable[Image]) -> Releases:
    """The releases of each of these images."""
    found: dict[Image, list[Release]] = {}
    for image in dict.fromkeys(images):
        app_id, digest = image
        if digest is None:
            continue
        rows = connection.execute(
            select(RELEASES.c.release, RELEASES.c.effective)
            .where(RELEASES.c.team == team, RELEASES.c.app_id == app_id, RELEASES.c.digest == digest)
            .order_by(RELEASES.c.release.desc())
        )
        found[image] = [Release(row.release, orjson.loads(row.effective)) for row in rows]
    return found


def newest_of(image: Image, releases: Releases) -> int | None:
    """The newest release of an image, whatever its config."""
    return next((release.number for release in releases.get(image, ())), None)


def release_held(row: Row[Any], releases: Releases) -> int | None:
    """The release that a live stack holds: the one that it was given, else the newest of its image."""
    number: int | None = row.release
    return number if number is not None else newest_of(image_of(row), releases)


def release_on_all(rows: Sequence[Row[Any]], releases: Releases) -> int | None:
    """The newest release that all of these stacks hold, image and config; None if there is none."""
    images = {image_of(row) if row.status == "live" else None for row in rows}
    image = images.pop() if len(images) == 1 else None
    held = {(row.stack, row.config_fingerprint) for row in rows}
    for number, effective in releases.get(image, ()) if image is not None else ():
        if all(effective_on(effective, stack) == fingerprint for stack, fingerprint in held):
            return number
    return None
