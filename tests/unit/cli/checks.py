"""Stacks that are checked: what the server says of them, and somebody who is asked on a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from tests.unit.cli.fake import Answer, Fake, admitted, fact, ok, stream

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN6gQxBsl0T9Tz8pXh6oOq1hNf2nq7l0vVwJt3mYcK5d"
FINGERPRINT = "SHA256:jvzm9gWcKVGGbN1Y2bHdJjv5vzk0gPc0Vt7yJ0m1WjE"
OTHER = "SHA256:" + "A" * 43
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGx8mJ5rQp0V0S2q3V0Lk7o2mZl7WQv2Tg1yq3zI0b1X ownstack-hub"
LETTING_IN = f'echo "{PUBLIC_KEY}" | sudo dokku ssh-keys:add ownstack-hub'
QUESTION = "Is this the key of 203.0.113.7? [y/N]:"


def stack(code: str | None = None, **more: Any) -> dict[str, Any]:
    """A Dokku stack, as it is after a check."""
    check = {
        "at": 1_000,
        "code": code,
        "message": "" if code is None else f"It is wrong: {code}.",
        "deployer": "hub",
        "host_key": HOST_KEY,
        "fingerprint": FINGERPRINT,
        "public_key": PUBLIC_KEY,
        **more,
    }
    about = {"name": "eu-1", "driver": "dokku", "address": "dokku@203.0.113.7:22", "settings": {}, "added_at": 1}
    return {**about, "apps": [], "check": check}


def checked(fake: Fake, *found: dict[str, Any]) -> None:
    """Each check of eu-1 finds what is said here, one after the other."""
    for number in range(1, len(found) + 1):
        name = f"k{number}"
        fake.on("POST", "/stacks/eu-1/checks", admitted("CheckRequested", 10 * number, name=name))
        fake.on("GET", "/events", stream(fact(10 * number + 2, "StackChecked", job=f"{name}#check", stack="eu-1")))
    fake.on("GET", "/stacks/eu-1", *(ok(view) for view in found))
    fake.on("PATCH", "/stacks/eu-1", admitted("StackChanged", 15))


def added(fake: Fake, answer: Answer | None = None) -> None:
    fake.on("POST", "/stacks", answer or admitted("StackAdded", 5))


def pinned(fake: Fake) -> list[Any]:
    """What was sent to pin a key."""
    return [asked.body for asked in fake.asked if asked.method == "PATCH"]


class Terminal(io.StringIO):
    """Somebody types."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, typed: str = "") -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
