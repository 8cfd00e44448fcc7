"""What a decision has found out so far: facts are collected before any is folded, so what follows looks here too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ownstack_contracts.rollouts import PostdeployOutcome, StackOutcome
from ownstack_promoter.configs import Config
from ownstack_promoter.model import App, Holding
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Rollout


class Ended(NamedTuple):
    """How a stack's deployment ends in this decision."""

    outcome: StackOutcome
    code: str | None = None


@dataclass(slots=True)
class Change:
    """Beside the state of the team: what this decision adds to one rollout and its app."""

    ended: dict[str, Ended] = field(default_factory=dict)
    live: dict[str, Holding] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    """Stacks of which is not known any more what they hold."""
    postdeploys: dict[str, PostdeployOutcome] = field(default_factory=dict)
    postdeploys_asked: set[str] = field(default_factory=set)
    postdeploy_done: bool = False
    """Whether a stack has run the post-deploy script by itself."""
    cancelled: bool = False
    over: set[str] = field(default_factory=set)
    """Rollouts that waited, and end in this decision."""
    config: Config | None = None
    """The config that the app has after this decision, if it changes."""

    def holding(self, app: App, stack: str) -> Holding | None:
        """What the stack holds after this decision."""
        if stack in self.unknown:
            return None
        return self.live.get(stack) or app.live.get(stack)

    def generation(self, team: Team, app: str, stack: str) -> int:
        """The next generation there: max(own, observed) + 1."""
        return max(team.generation(app, stack), self.generations.get(stack, 0)) + 1

    def open_stacks(self, rollout: Rollout) -> int:
        """How many deployments of the rollout are still open after this decision."""
        return len(rollout.open) - len(self.ended)

    def open_postdeploys(self, rollout: Rollout) -> bool:
        """Whether a post-deploy script is still awaited after this decision."""
        return bool(self.postdeploys_asked) or len(rollout.open_postdeploys) > len(self.postdeploys)

    def first_live(self, rollout: Rollout) -> str | None:
        """The stack that went live earliest."""
        return rollout.first_live or next((s for s, e in self.ended.items() if e.outcome == "succeeded"), None)
