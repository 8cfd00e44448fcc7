"""The story of the demo, told against any house: what is typed, how it ends, and what then answers where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ownstack.story import Place, Step, releasing, setting_up


class Typed(Protocol):
    """How a command ended."""

    @property
    def code(self) -> int: ...


class Stage(Protocol):
    """A house, its stacks, and the command line in front of it."""

    @property
    def driver(self) -> tuple[str, ...]:
        """The options of `stack add` for the examples' driver."""

    def ownstack(self, *arguments: str) -> Typed:
        """Run a command of the CLI to its end."""

    def image(self, app: str, version: int) -> str:
        """Build an example's image where its stacks find it."""

    def answer(self, place: Place) -> Any:
        """What an app on a stack says to visitors."""

    def set_database(self, writable: bool) -> None:
        """What the release task of `shop` finds on the stack whose database breaks."""


@dataclass(frozen=True, slots=True)
class Telling:
    """told: how many steps were right."""

    told: int
    answers: int


def tell(stage: Stage) -> Telling:
    """Tell the whole story; every step must end, and every place answer, as it should."""
    images = stage.image("hello", 1), stage.image("shop", 1), stage.image("shop", 3)
    steps = [*setting_up(stage.driver), *releasing(*images)]
    for step in steps:
        _take(stage, step)
    return Telling(len(steps), sum(len(step.answers) for step in steps))


def _take(stage: Stage, step: Step) -> None:
    if step.database is not None:
        stage.set_database(step.database)
    ended = stage.ownstack(*step.arguments)
    assert ended.code == step.exit_code, (step.says, step.arguments, ended)
    for place, version in step.answers.items():
        answer = stage.answer(place)
        assert answer["version"] == version, (step.says, place)
        assert step.greeting in (None, answer.get("greeting")), (step.says, place, answer)
