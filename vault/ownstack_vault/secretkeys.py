"""The secret keys: what all other keys are wrapped with. They come from outside, and are never stored in the vault."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from typing import NamedTuple, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ownstack_contracts.envelope import canonical
from ownstack_vault.errors import WRONG_KEY, WRONG_KEY_HINT, WRONG_KEY_SAYS, SecretUnreadable, VaultUnusable

KEY_BYTES = 32
NONCE_BYTES = 12
_FORM = "ownstack-key-1"
_URL_SAFE = str.maketrans("-_", "+/")


class Wrapped(NamedTuple):
    """A key as it is stored. secret_key: the id of the secret key that opens it."""

    secret_key: str
    blob: bytes


@final
class SecretKeys:
    """The present secret key, and earlier ones that are good for unwrapping alone. Shows none of them."""

    __slots__ = ("_by_id", "_present")

    def __init__(self, present: bytes, *old: bytes) -> None:
        """Each of 32 bytes. Raises VaultUnusable `secret-key-invalid`."""
        for key in (present, *old):
            if len(key) != KEY_BYTES:
                raise _invalid()
        self._present = _id_of(present)
        self._by_id = {_id_of(key): key for key in (*old, present)}

    @classmethod
    def parse(cls, present: str, old: str = "") -> SecretKeys:
        """From text: each key in base64; `old`: earlier ones, with commas between. Raises VaultUnusable
        `secret-key-invalid`, which repeats nothing of them."""
        return cls(_parsed(present), *(_parsed(text) for text in old.split(",") if text.strip()))

    @property
    def present(self) -> str:
        """The id of the present key. Nothing is learnt of a key by its id."""
        return self._present

    def unknown(self, ids: Iterable[str]) -> list[str]:
        """Those of these ids whose keys are not among them."""
        return [each for each in ids if each not in self._by_id]

    def wrap(self, what: Sequence[str], secret: bytes) -> Wrapped:
        """`secret` under the present key. what: names the secret, which can't be unwrapped as another one."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = AESGCM(self._by_id[self._present]).encrypt(nonce, secret, _associated(what))
        return Wrapped(self._present, nonce + sealed)

    def unwrap(self, what: Sequence[str], wrapped: Wrapped) -> bytes:
        """What was wrapped. Raises SecretUnreadable `secret-key-wrong` or `config-damaged`."""
        key = self._by_id.get(wrapped.secret_key)
        if key is None:
            raise SecretUnreadable(WRONG_KEY, WRONG_KEY_SAYS, WRONG_KEY_HINT)
        nonce, sealed = wrapped.blob[:NONCE_BYTES], wrapped.blob[NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, sealed, _associated(what))
        except (InvalidTag, ValueError):
            message = f"A key in the vault is damaged: that of {' '.join(part for part in what if part)}."
            raise SecretUnreadable("config-damaged", message, "Restore the vault's database from a copy.") from None

    def __repr__(self) -> str:
        return f"<SecretKeys: {len(self._by_id)}>"

    def __reduce__(self) -> str:
        raise TypeError("secret keys stay in the process that was given them")


def new_secret_key() -> str:
    """A fresh key, as it is given to a process: base64 of 32 random bytes."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _parsed(text: str) -> bytes:
    """Both alphabets of base64 are read, with padding or without (RFC 4648, sections 4 and 5)."""
    plain = text.strip().translate(_URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None


def _invalid() -> VaultUnusable:
    return VaultUnusable(
        "secret-key-invalid",
        "What was given as a secret key is none: it has to be the base64 of 32 bytes.",
        "A fresh one is made by: ownstack secret new.",
    )


def _id_of(key: bytes) -> str:
    return hmac.new(key, b"ownstack-secret-key-id", hashlib.sha256).digest()[:8].hex()


def _associated(what: Sequence[str]) -> bytes:
    return canonical([_FORM, *what])
