"""How a value is sealed, opened and fingerprinted, given the keys: pure functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ownstack_contracts.envelope import canonical
from ownstack_vault.errors import SecretUnreadable
from ownstack_vault.secretkeys import NONCE_BYTES

VERSION = "v1."
TAG_BYTES = 16
FINGERPRINT_BYTES = 16
_FORM = "ownstack-config-1"


class Slot(NamedTuple):
    """Where a value belongs; it can be opened for no other place.

    app_id: of the app's creation. stack None: a value for all stacks. review: a value for review apps.
    """

    team: str
    app_id: str
    name: str
    stack: str | None = None
    review: bool = False


class SealedValue(NamedTuple):
    """A value as it may be said to anybody: see `ownstack_contracts.config.ConfigValue`."""

    sealed: str
    fingerprint: str


def seal(key: bytes, slot: Slot, value: str) -> str:
    """`value` for `slot` under a data key of 32 bytes. Raises ValueError for what is no text in UTF-8.

    The nonce follows from all three: what is sealed again is the same, and so is a command that is sent again.
    """
    associated, plain = _associated(slot), utf8(value)
    nonce = _hmac(key, b"nonce" + associated + b"\0" + plain)[:NONCE_BYTES]
    sealed = nonce + AESGCM(key).encrypt(nonce, plain, associated)
    return VERSION + base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def unseal(key: bytes, slot: Slot, sealed: str) -> str:
    """The value. Raises SecretUnreadable `config-damaged`: altered, or sealed for another place or with another key."""
    blob = _blob(sealed)
    if blob is None:
        raise damaged(slot)
    try:
        return AESGCM(key).decrypt(blob[:NONCE_BYTES], blob[NONCE_BYTES:], _associated(slot)).decode()
    except (InvalidTag, ValueError):
        raise damaged(slot) from None


def fingerprint(key: bytes, value: str) -> str:
    """Of `value` under a team key. Raises ValueError for what is no text in UTF-8."""
    return _hmac(key, utf8(value))[:FINGERPRINT_BYTES].hex()


def damaged(slot: Slot) -> SecretUnreadable:
    """What is said of a value that can't be opened."""
    return SecretUnreadable(
        "config-damaged",
        f"The value of {slot.name} can't be decrypted: it was altered, or sealed for another place.",
        f"Set {slot.name} anew.",
    )


def utf8(value: str) -> bytes:
    """Its bytes. Raises ValueError, which says nothing of the value."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ValueError("a value is no text that can be written in UTF-8") from None


def _blob(sealed: str) -> bytes | None:
    """The bytes of a sealed value; None if it is none, also where base64 would forgive it (RFC 4648, 3.5)."""
    text = sealed.removeprefix(VERSION)
    try:
        blob = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    written = VERSION + base64.urlsafe_b64encode(blob).decode().rstrip("=")
    return blob if written == sealed and len(blob) >= NONCE_BYTES + TAG_BYTES else None


def _associated(slot: Slot) -> bytes:
    review = "review" if slot.review else ""
    return canonical([_FORM, slot.team, slot.app_id, slot.stack or "", review, slot.name])


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
