"""What can be chosen about the API, from the environment (`OWNSTACK_API_…`) or by whoever composes the house."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ownstack_contracts.topics import MAX_RECORD_BYTES


class Settings(BaseSettings):
    """Where it listens, and what a caller may at most ask for."""

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_API_", frozen=True, use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8700, ge=0, le=65_535)
    """The port to listen on; 0: any that is free."""
    max_body_bytes: int = Field(default=MAX_RECORD_BYTES, ge=1_024)
    """The largest body of a request, in bytes."""
    streams_per_token: int = Field(default=100, ge=1)
    """How many streams one token may have open."""
    heartbeat: float = Field(default=15.0, gt=0)
    """How often a quiet stream says that it lives, in seconds."""
    header_timeout: float = Field(default=10.0, gt=0)
    """A connection whose first request is not there after so many seconds is closed."""
    ready_lag: int = Field(default=10_000, ge=0)
    """How many facts the read model may be behind the history for `/readyz` to say yes."""
    shutdown_grace: int = Field(default=5, ge=1)
    """How long requests under way are waited for at the end, in seconds."""
