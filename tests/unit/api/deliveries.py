"""Deliveries as GitHub makes them: the payloads of tests/fixtures/github, signed."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import httpx

PAYLOADS = Path(__file__).parents[2] / "fixtures" / "github"
SECRET = "it's a secret to everybody"
GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"


def payload(name: str) -> bytes:
    """The body of a delivery, byte by byte."""
    return (PAYLOADS / f"{name}.json").read_bytes()


def signature(body: bytes, secret: str = SECRET, algorithm: str = "sha256") -> str:
    """As GitHub's documentation says it is made."""
    return f"{algorithm}={hmac.new(secret.encode(), body, getattr(hashlib, algorithm)).hexdigest()}"


def headers_of(body: bytes, event: str, guid: str = GUID, secret: str = SECRET) -> dict[str, str]:
    """What GitHub sends beside the body."""
    return {
        "User-Agent": "GitHub-Hookshot/044aadd",
        "Content-Type": "application/json",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": "480171412",
        "X-GitHub-Hook-Installation-Target-Type": "repository",
        "X-Hub-Signature": signature(body, secret, "sha1"),
        "X-Hub-Signature-256": signature(body, secret),
    }


async def deliver(
    client: httpx.AsyncClient,
    name: str,
    guid: str = GUID,
    *,
    secret: str = SECRET,
    body: bytes | None = None,
    query: str = "",
    **changed: str | None,
) -> httpx.Response:
    """Deliver a payload, or another body as if it was this one. changed: headers, `_` for `-`; None: left out."""
    body = payload(name) if body is None else body
    headers = headers_of(body, name.partition(".")[0], guid, secret)
    for header, value in changed.items():
        headers = {key: kept for key, kept in headers.items() if key.lower() != header.replace("_", "-").lower()}
        if value is not None:
            headers[header.replace("_", "-")] = value
    return await client.post(f"/webhooks/github{query}", content=body, headers=headers)
