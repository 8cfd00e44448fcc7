"""The domain as a whole: importing it fills both tables."""

from __future__ import annotations

from ownstack_promoter import (  # noqa: F401 - each registers its rules
    apps,
    asking,
    besides,
    checks,
    clones,
    deployments,
    deploys,
    expiries,
    images,
    imports,
    lapses,
    looks,
    pipelines,
    places,
    postdeploys,
    promotions,
    removals,
    retries,
    reviews,
    rollbacks,
    rollouts,
    scriptruns,
    sights,
    sources,
    stacks,
    teams,
    variables,
)
from ownstack_promoter.dispatch import Moment, decide, decided_types, evolve, evolved_types
from ownstack_promoter.expiries import expire
from ownstack_promoter.refused import Refused
from ownstack_promoter.team import Team

__all__ = ["Moment", "Refused", "Team", "decide", "decided_types", "evolve", "evolved_types", "expire"]
