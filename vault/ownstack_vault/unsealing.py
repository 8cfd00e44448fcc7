"""What a deployer may do with secrets: open those of the job that it works on, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from ownstack_contracts.config import ConfigEntry
from ownstack_vault.errors import SecretUnreadable
from ownstack_vault.sealing import Slot
from ownstack_vault.secrets import Secrets


class Unsealing:
    """The deployer's port `Unsealer`, on a vault."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def unseal(self, team: str, app_id: str, entries: Sequence[ConfigEntry]) -> dict[str, str]:
        """The plain values by their names. Blocks. Raises SecretUnreadable; `passing` if the database is away."""
        if not entries:
            return {}
        sealed = {Slot(team, app_id, entry.name, entry.stack): entry.sealed for entry in entries}
        try:
            return {slot.name: value for slot, value in self._secrets.unseal(sealed).items()}
        except SQLAlchemyError as error:
            message = f"The vault's database does not answer ({type(error).__name__})."
            raise SecretUnreadable("vault-unavailable", message, "Its log says more.", passing=True) from error
