"""All registries, as one deployer sees them: with its credentials, and for as long as one image job takes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ownstack_contracts.names import digest_of, parse_image
from ownstack_deployer.registry.copying import Copying
from ownstack_deployer.registry.credentials import Credentials, DockerConfig
from ownstack_deployer.registry.entry import Entry
from ownstack_deployer.registry.manifests import Manifest
from ownstack_deployer.registry.places import Place, Reach, place_of
from ownstack_deployer.registry.repositories import Repository
from ownstack_deployer.registry.retrying import Retrying
from ownstack_deployer.registry.tokens import Tokens
from ownstack_deployer.registry.trouble import Trouble, expect
from ownstack_deployer.registry.wire import Wire, connected

LATEST = "latest"
"""The tag of an image that is named without one."""
TAKING = 45.0
"""Seconds that a look at a registry, or the whole of a new tag, takes at most."""
LONGEST = 600
"""Characters of a pinned image."""


@dataclass(frozen=True, slots=True)
class Registries:
    """config: who we are. reach: what may be asked. deployer: how it is called in messages. retrying: how what fails is
    tried again."""

    config: DockerConfig
    reach: Reach
    deployer: str
    tokens: Tokens = field(default_factory=Tokens)
    retrying: Callable[[Wire], Retrying] = Retrying

    async def resolve(self, reference: str) -> str | None:
        """The image that `reference` means now, by its digest; None: there is no such image. Raises Trouble."""
        image = parse_image(reference)
        place, tag = place_of(image.repository), image.tag or LATEST
        digest = image.digest
        if digest is None:
            async with _in_time(place), self._entry(place, await self.config.credentials(place.host)) as entry:
                digest = await Repository(place, entry, (_pulling(place),)).digest_of(tag)
        return digest and _pinned(image.repository, image.tag, digest)

    async def retag(self, image: str, tag: str, repository: str | None = None) -> str:
        """Give a pinned image a tag, in its own repository or in another one of that registry.

        Returns what it is called there. Raises Trouble, also where nothing was to be tried: `no-credentials`,
        `other-registry`.
        """
        own = parse_image(image).repository
        source, target = place_of(own), place_of(repository or own)
        if source.host != target.host:
            raise Trouble(
                "other-registry",
                f"{target} is not on {source.host}, where the image is: it can only be tagged there. "
                "Give another one: ownstack app settings APP --retag-to",
            )
        async with _in_time(target), self._entry(target, await self._credentials_to_push(target)) as entry:
            await _retag(entry, source, target, digest_of(image), tag)
        return _pinned(repository or own, tag, digest_of(image))

    async def _credentials_to_push(self, place: Place) -> Credentials | None:
        credentials = await self.config.credentials(place.host)
        if credentials is None and not self.reach.is_plain(place.address):
            raise Trouble(
                "no-credentials",
                f"{self.deployer} has no credentials for {place.host}, so the image got no tag there. "
                f"Log it in: docker login {place.host}",
            )
        return credentials

    @contextlib.asynccontextmanager
    async def _entry(self, place: Place, credentials: Credentials | None) -> AsyncIterator[Entry]:
        root = self.reach.root(place)
        async with connected() as client:
            retrying = self.retrying(Wire(client, self.reach, root))
            yield Entry(place.host, retrying, self.tokens, credentials, self.deployer)


async def _retag(entry: Entry, source: Place, target: Place, digest: str, tag: str) -> None:
    scopes = [_pushing(target)] if source == target else [_pushing(target), _pulling(source)]
    there = Repository(target, entry, tuple(scopes))
    if await there.digest_of(tag) == digest:
        return  # it was done before: by us, and the answer got lost, or by a person
    here = Repository(source, entry, tuple(scopes))
    manifest: Manifest = expect(
        await here.manifest(digest), "image-missing", f"{source} has no {digest} any more, so it got no tag."
    )
    if source != target:
        await Copying(here, there).parts_of(manifest)
    await there.put(manifest, tag)
    if (found := await there.digest_of(tag)) != digest:
        raise Trouble("digest-mismatch", f"{target}:{tag} was set to {digest}, and is {found or 'nothing'}.")


@contextlib.asynccontextmanager
async def _in_time(place: Place) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(TAKING):
            yield
    except TimeoutError:
        raise Trouble("registry-slow", f"{place.host} did not do it within {TAKING:.0f} s.") from None


def _pulling(place: Place) -> str:
    return f"repository:{place.path}:pull"


def _pushing(place: Place) -> str:
    return f"repository:{place.path}:pull,push"


def _pinned(repository: str, tag: str | None, digest: str) -> str:
    """As a person wrote it, by its digest; the tag is left out where it would be too long."""
    named = f"{repository}:{tag}@{digest}"
    return named if tag and len(named) <= LONGEST else f"{repository}@{digest}"
