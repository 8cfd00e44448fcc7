"""What is asked of one repository: manifests, blobs, and places for new ones (OCI distribution specification)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import httpx

from ownstack_deployer.registry import manifests
from ownstack_deployer.registry.entry import Entry
from ownstack_deployer.registry.manifests import ACCEPTED, Descriptor, Manifest
from ownstack_deployer.registry.places import Place, same_origin
from ownstack_deployer.registry.trouble import Trouble
from ownstack_deployer.registry.wire import Answer, Asked

_ACCEPT = {"Accept": ", ".join(ACCEPTED)}
PART = 256 << 10
"""Bytes of a blob that are passed on at once, at most."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, as whoever `entry` lets in sees it. scopes: what is asked for when a token is."""

    place: Place
    entry: Entry
    scopes: Sequence[str]

    async def digest_of(self, reference: str) -> str | None:
        """The digest that a tag has now; None: there is no such image. Raises Trouble."""
        answer = await self._manifest("HEAD", reference)
        if answer.status == 404:
            return None
        digest = manifests.digest_in(answer.headers.get("Docker-Content-Digest"))
        kind = manifests.media_type_in(answer.headers.get("Content-Type"))
        if answer.status == 200 and digest and kind in ACCEPTED:
            return digest
        # Not every registry says it all in a HEAD, or knows it. The manifest itself leaves no doubt.
        found = await self.manifest(reference)
        return found.digest if found is not None else None

    async def manifest(self, reference: str) -> Manifest | None:
        """The manifest of a tag or digest, checked against its digest; None: there is none. Raises Trouble."""
        answer = await self._manifest("GET", reference)
        if answer.status == 404:
            return None
        self._expect(answer, 200)
        said = manifests.digest_in(answer.headers.get("Docker-Content-Digest"))
        wanted = manifests.digest_in(reference)
        found = manifests.read(answer.content, answer.headers.get("Content-Type"), wanted or said)
        if wanted and said and said != wanted and said != manifests.computed(answer.content, said):
            raise Trouble("digest-mismatch", f"{self.place} answers with {said} where {wanted} was asked for.")
        return found

    async def put(self, manifest: Manifest, reference: str) -> None:
        """Store a manifest under a tag or its digest. Raises Trouble: `tag-refused`, …"""
        answer = await self._ask(
            Asked("PUT", self._url("manifests", reference), {"Content-Type": manifest.media_type}, manifest.content)
        )
        if answer.status in (400, 404, 409, 412, 413, 422):
            raise Trouble(
                "tag-refused",
                f"{self.place} refuses {reference} (HTTP {answer.status}{_code(answer)}): are its tags immutable?",
            )
        self._expect(answer, 201, 200, 202)
        said = answer.headers.get("Docker-Content-Digest")
        if said and said != manifest.digest:
            raise Trouble("digest-mismatch", f"{self.place} has taken {manifest.digest}, and calls it {said[:200]}.")

    async def has_blob(self, digest: str) -> bool:
        """Whether this content is here."""
        return (await self._ask(Asked("HEAD", self._url("blobs", digest)))).status == 200

    async def mount(self, digest: str, source: Place) -> httpx.URL | None:
        """Have content from another repository here, too. None: it is; else where it can be uploaded to."""
        query = {"mount": digest, "from": source.path}
        answer = await self._ask(Asked("POST", self._url("blobs", "uploads/").copy_with(params=query)))
        if answer.status == 201:
            return None
        if answer.status == 404:
            raise Trouble("repository-missing", f"There is no {self.place}, and pushing does not make it. Create it.")
        self._expect(answer, 202)
        return self._upload(answer)

    async def cancel(self, upload: httpx.URL) -> None:
        """An upload that was opened is not gone on with. Where that can't be said, the registry forgets it itself."""
        with contextlib.suppress(Trouble):
            await self._ask(Asked("DELETE", upload))

    async def upload(self, blob: Descriptor, content: AsyncIterator[bytes], upload: httpx.URL) -> None:
        """Store content; the registry checks it against its digest. Raises Trouble."""
        query = httpx.QueryParams([*upload.params.multi_items(), ("digest", blob.digest)])
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
        asked = Asked("PUT", upload.copy_with(params=query), headers, content)
        wire = self.entry.retrying.wire
        async with wire.opened(asked, self.entry.authorization(self.scopes)) as response:
            self._expect(Answer(response.status_code, response.headers, b"", response.url), 201, 204)

    @contextlib.asynccontextmanager
    async def content(self, blob: Descriptor) -> AsyncIterator[AsyncIterator[bytes]]:
        """The content of a blob, in parts. Raises Trouble."""
        wire = self.entry.retrying.wire
        asked = Asked("GET", self._url("blobs", blob.digest))
        async with wire.opened(asked, self.entry.authorization(self.scopes)) as response:
            self._expect(Answer(response.status_code, response.headers, b"", response.url), 200)
            yield response.aiter_raw(PART)

    async def _manifest(self, method: str, reference: str) -> Answer:
        asked = Asked(method, self._url("manifests", reference), _ACCEPT, most=manifests.MOST_BYTES)
        answer = await self._ask(asked)
        if answer.status in (401, 403):
            self._expect(answer, 200)
        return answer

    async def _ask(self, asked: Asked) -> Answer:
        return await self.entry.exchange(asked, self.scopes)

    def _url(self, kind: str, reference: str) -> httpx.URL:
        return self.entry.retrying.wire.root.join(f"{self.place.path}/{kind}/{reference}")

    def _upload(self, answer: Answer) -> httpx.URL:
        wire = self.entry.retrying.wire
        url = wire.referred(answer.url, answer.headers.get("Location", ""))
        if not same_origin(url, wire.root):
            raise Trouble("registry-invalid", f"{self.place.host} wants uploads to go to {url.host[:200]}: none does.")
        return url

    def _expect(self, answer: Answer, *expected: int) -> None:
        status = answer.status
        if status in expected:
            return
        if status in (401, 403, 405):
            raise Trouble(
                "registry-forbidden",
                f"{self.place.host} does not allow {self.entry.deployer} to do this to {self.place.path} "
                f"(HTTP {status}{_code(answer)}).",
            )
        raise Trouble(
            "registry-invalid",
            f"{self.place.host} answers as no registry does (HTTP {status}{_code(answer)}). Is it one?",
        )


def _code(answer: Answer) -> str:
    """The code of a registry's error, and nothing else of what it says: whoever asks must not read through us."""
    return manifests.error_code(answer.content)
