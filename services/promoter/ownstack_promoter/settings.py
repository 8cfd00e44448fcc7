"""What can be chosen about the promoter, from the environment (`OWNSTACK_PROMOTER_…`) or by whoever composes it."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from ownstack_promoter.leasing import AtStart


class Settings(BaseSettings):
    """What can be chosen."""

    model_config = SettingsConfigDict(env_prefix="OWNSTACK_PROMOTER_", frozen=True, use_attribute_docstrings=True)

    lease: int = Field(default=15, ge=3, le=3_600)
    """How long a run may be silent before it is taken for lost, in seconds."""
    leases_at_start: AtStart = "anew"
    """`lapsed` only where no deployer of an earlier process can be alive, as in the all-in-one."""
