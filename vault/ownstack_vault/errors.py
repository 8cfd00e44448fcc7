"""What can be wrong with the vault, its database, its secret key, and what is sealed; with a code."""

from __future__ import annotations


class VaultError(Exception):
    """Something is wrong with the vault, or with what it keeps. `code` is stable; `message` says what, `hint` what to
    do; neither has anything of a value or a key in it. `passing`: it may pass by itself: trying again is right."""

    def __init__(self, code: str, message: str, hint: str, *, passing: bool = False) -> None:
        super().__init__(f"{message} {hint}")
        self.code, self.message, self.hint, self.passing = code, message, hint, passing


class VaultUnusable(VaultError):
    """The vault can't be opened, or not be asked for secrets."""


class SecretUnreadable(VaultError):
    """A secret can't be read, or can't be sealed for its place.

    Codes: `config-erased`, `config-key-missing`, `config-damaged`, `secret-key-wrong`; and `vault-unavailable`, the
    only one that passes.
    """


def missing_secret_key() -> VaultUnusable:
    """Secrets are asked for in a process that was given no secret key."""
    return VaultUnusable(
        "secret-key-missing",
        "Config and webhooks need the secret key of this installation, and none was given.",
        "Set OWNSTACK_SECRET_KEY or OWNSTACK_SECRET_KEY_FILE, the same for each api and deployer. The first time, make "
        "one: ownstack secret new.",
    )


WRONG_KEY = "secret-key-wrong"
WRONG_KEY_SAYS = "The vault was written with another secret key than those given here."
WRONG_KEY_HINT = (
    "Give that one: as OWNSTACK_SECRET_KEY, or as OWNSTACK_SECRET_KEY_OLD if it was replaced (`ownstack up`: the file "
    "secret.key). If it is lost, so are all values of config: ownstack secret rewrap --forget-lost, and set them anew."
)
