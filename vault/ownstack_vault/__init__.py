"""What must never be in the log, and can't be rebuilt from it: token hashes. Its own tables, its own migrations."""

from ownstack_vault.engine import open_vault
from ownstack_vault.errors import VaultUnusable
from ownstack_vault.tokens import FIRST_TOKEN_NAME, IssuedToken, Token, TokenNameTaken, Vault, ensure_first_token

__all__ = [
    "FIRST_TOKEN_NAME",
    "IssuedToken",
    "Token",
    "TokenNameTaken",
    "Vault",
    "VaultUnusable",
    "ensure_first_token",
    "open_vault",
]
