"""What can be chosen about the projections, from the environment (`OWNSTACK_PROJECTIONS_…`) or by keyword."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What can be chosen."""

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_PROJECTIONS_", frozen=True, use_attribute_docstrings=True)

    log_days: int = Field(default=30, ge=1)
    """How long log lines are kept, in days."""
    prune_every: float = Field(default=3_600.0, gt=0)
    """How often old ones are deleted, in seconds."""
