"""A chronicle whose stacks can be told what they hold, as if somebody had deployed past us."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.bench.histories import Chronicle

from ownstack_contracts.history import Origin, Position
from ownstack_contracts.images import ImageJob
from ownstack_contracts.jobs import Live, StackJob, StackLookRequested, StackRunRequested
from ownstack_contracts.message import Message
from ownstack_contracts.reports import StackObserved, StackRunEnded
from ownstack_contracts.topics import REPORTS


class Remembering(Chronicle):
    """Its looks also see config, and its commands end well."""

    def leave(self, app: str, stack: str, live: Live | None) -> None:
        """From now on the stack holds this of the app; None: nothing."""
        self._live.pop((app, stack), None)
        if live is not None:
            self._live[app, stack] = live

    def tell(self, fact: Message) -> None:
        """A fact happens for which the promoter has no reason."""
        self.happen([fact], Origin(Position(REPORTS.name, 0, 999_999), self.now))

    def left(self, app: str, stack: str) -> Live:
        """What the stack holds of the app."""
        return self._live[app, stack]

    def _reports(self, request: StackJob, about: dict[str, str]) -> Sequence[Message]:
        if isinstance(request, StackLookRequested) and request.config:
            live = self._live.get((request.app, request.stack))
            return [StackObserved(**about, live=live, config_keys=("DATABASE_URL", "SECRET_KEY_BASE"))]
        if isinstance(request, StackRunRequested):
            return [StackRunEnded(**about, exit_code=0, lines=0)]
        return super()._reports(request, about)


def looked(chronicle: Chronicle, facts: Iterable[Message]) -> list[Message]:
    """The looks among these facts are done, and what follows of them at registries. Returns all facts."""
    happened = list(facts)
    for fact in happened:  # it grows
        if isinstance(fact, StackLookRequested):
            happened += chronicle.work(fact)
        elif isinstance(fact, ImageJob):
            happened += chronicle.ask_registry(fact)
    return happened
