"""All handlers: importing this fills their table."""

from __future__ import annotations

from ownstack_projections import (  # noqa: F401 - each registers its handlers
    apps,
    commands,
    configs,
    deployments,
    images,
    jobs,
    live,
    pipelines,
    postdeploys,
    removals,
    reviews,
    rollouts,
    runs,
    stacks,
    teams,
)
from ownstack_projections.dispatch import project, projected_types

__all__ = ["project", "projected_types"]
