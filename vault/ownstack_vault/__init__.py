"""What must never be in the log, and can't be rebuilt from it: hashes of tokens, and the keys of config.

Its own tables, its own migrations."""

from ownstack_vault.engine import open_vault
from ownstack_vault.erasing import Erasing, ErasingStopped
from ownstack_vault.errors import SecretUnreadable, VaultUnusable
from ownstack_vault.hooks import Hook, Hooks
from ownstack_vault.sealing import SealedValue, Slot
from ownstack_vault.secretkeys import SecretKeys, new_secret_key
from ownstack_vault.secrets import Secrets
from ownstack_vault.tokens import FIRST_TOKEN_NAME, IssuedToken, Token, TokenNameTaken, Tokens, ensure_first_token
from ownstack_vault.unsealing import Unsealing
from ownstack_vault.vault import Vault

__all__ = [
    "FIRST_TOKEN_NAME",
    "Erasing",
    "ErasingStopped",
    "Hook",
    "Hooks",
    "IssuedToken",
    "SealedValue",
    "SecretKeys",
    "SecretUnreadable",
    "Secrets",
    "Slot",
    "Token",
    "TokenNameTaken",
    "Tokens",
    "Unsealing",
    "Vault",
    "VaultUnusable",
    "ensure_first_token",
    "new_secret_key",
    "open_vault",
]
