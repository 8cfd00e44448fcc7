"""Copies an image into another repository of the same registry: what it is made of first, then what lists it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from ownstack_deployer.registry.manifests import Descriptor, Manifest
from ownstack_deployer.registry.repositories import Repository
from ownstack_deployer.registry.trouble import Trouble, expect

MOST_DEPTH = 4
"""Of indexes in indexes."""
MOST_MANIFESTS = 200
MOST_BLOBS = 2_000
AT_ONCE = 4
"""Blobs that are mounted at a time."""


@dataclass(slots=True)
class Copying:
    """From `source` to `target`. Signatures, and all else that only refers to the image, stay where they are."""

    source: Repository
    target: Repository
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    manifests: set[str] = field(default_factory=set)
    blobs: set[str] = field(default_factory=set)

    async def parts_of(self, manifest: Manifest, depth: int = 0) -> None:
        """Have in `target` all that this manifest names. Raises Trouble."""
        if depth > MOST_DEPTH:
            raise _too_large(f"its indexes lie in each other more than {MOST_DEPTH} deep")
        for child in manifest.children:
            if child.digest not in self.manifests:
                await self._child(child, depth + 1)
        await self._all(blob for blob in manifest.blobs if blob.digest not in self.blobs)

    async def _child(self, child: Descriptor, depth: int) -> None:
        self.manifests.add(child.digest)
        if len(self.manifests) > MOST_MANIFESTS:
            raise _too_large(f"it has more than {MOST_MANIFESTS} manifests")
        found = expect(
            await self.source.manifest(child.digest),
            "image-incomplete",
            f"{self.source.place} has an image that lists {child.digest}, and does not have that.",
        )
        await self.parts_of(found, depth)
        await self.target.put(found, child.digest)

    async def _all(self, blobs: Iterable[Descriptor]) -> None:
        new = {blob.digest: blob for blob in blobs}
        self.blobs.update(new)
        if len(self.blobs) > MOST_BLOBS:
            raise _too_large(f"it has more than {MOST_BLOBS} layers")
        try:
            async with asyncio.TaskGroup() as tasks:
                for blob in new.values():
                    tasks.create_task(self._blob(blob))
        except* Trouble as troubles:
            raise _first(troubles) from None

    async def _blob(self, blob: Descriptor) -> None:
        async with self.slots:
            upload = await self.target.mount(blob.digest, self.source.place)
            if upload is None:
                return
            # 202: not mounted. It may be there all the same, or be kept elsewhere by design.
            if blob.elsewhere or await self.target.has_blob(blob.digest):
                await self.target.cancel(upload)
                return
            try:
                async with self.source.content(blob) as content:
                    await self.target.upload(blob, content, upload)
            except Trouble:
                await self.target.cancel(upload)
                raise


def _first(troubles: BaseExceptionGroup[Trouble]) -> Trouble:
    found = troubles.exceptions[0]
    return found if isinstance(found, Trouble) else _first(found)


def _too_large(why: str) -> Trouble:
    return Trouble("image-too-large", f"The image is not copied: {why}. It is released by its digest.")
