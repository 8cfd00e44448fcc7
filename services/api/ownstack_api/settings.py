"""What can be chosen about the API, from the environment (`OWNSTACK_API_…`) or by whoever composes the house."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ownstack_contracts.topics import MAX_RECORD_BYTES


class Settings(BaseSettings):
    """host and port to listen on (port 0: any that is free); what a caller may at most ask for; times in seconds.

    header_timeout: a connection whose first request is not there by then is closed.
    ready_lag: how many facts the read model may be behind the history for `/readyz` to say yes.
    """

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_API_", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8700, ge=0, le=65_535)
    max_body_bytes: int = Field(default=MAX_RECORD_BYTES, ge=1_024)
    streams_per_token: int = Field(default=100, ge=1)
    heartbeat: float = Field(default=15.0, gt=0)
    header_timeout: float = Field(default=10.0, gt=0)
    ready_lag: int = Field(default=10_000, ge=0)
    shutdown_grace: int = Field(default=5, ge=1)
