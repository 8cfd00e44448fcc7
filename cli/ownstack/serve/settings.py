"""What every service's process is told by its environment, whichever service it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessSettings(BaseSettings):
    """A process: its bus, its log, its health."""

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_", frozen=True, use_attribute_docstrings=True)

    bus: str
    """The bus: `kafka://host:9092,host2:9092`."""
    health_host: str = "127.0.0.1"
    """The address on which `/healthz`, `/readyz` and `/metrics` are served (the api serves them itself)."""
    health_port: int = Field(default=8701, ge=0, le=65_535)
    """Their port; 0: any that is free."""
    log_format: Literal["json", "text"] = "json"
    """How lines of the log are written."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """From which level on."""
    start_patience: float = Field(default=60.0, ge=0)
    """How long a bus or a database that is away is waited for at the start, in seconds."""
    stall: float = Field(default=30.0, ge=1)
    """A process that stands still for so long, in seconds, ends itself, for its supervisor to start it again."""


class DatabaseSettings(BaseSettings):
    """The database of the read model and the vault.

    A deployer needs it, and the secret key, for apps with config alone; without both it starts all the same.
    """

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_", frozen=True, use_attribute_docstrings=True)

    database: SecretStr
    """`postgresql://user:password@host:5432/name`."""
    database_password_file: Path | None = None
    """A file that holds the password, instead of one in the URL."""


class SecretKeySettings(BaseSettings):
    """The secret key of the installation, with which config and the secrets of webhooks are sealed.

    The api needs it, and so does each deployer of apps with config: one key, the same for all.
    """

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_", frozen=True, use_attribute_docstrings=True)

    secret_key: SecretStr | None = None
    """The key: base64 of 32 random bytes, as `ownstack secret new` makes it."""
    secret_key_file: Path | None = None
    """A file that holds it, instead."""
    secret_key_old: SecretStr | None = None
    """Other keys, with commas between, that are good for opening alone: while the key is being replaced."""
    secret_key_old_file: Path | None = None
    """A file that holds those, instead; one per line."""


class VaultSettings(BaseSettings):
    """`DatabaseSettings`, where there may be none."""

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_", frozen=True, use_attribute_docstrings=True)

    database: SecretStr | None = None
