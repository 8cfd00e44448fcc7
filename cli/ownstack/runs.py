"""Follows a command that runs beside an app: its lines as they come, until it has ended and all of them are shown."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from dataclasses import dataclass, field

from ownstack.answers import Json
from ownstack.exits import Exit, Silent
from ownstack.feeds import Feeds
from ownstack.output import safe
from ownstack.paths import segment
from ownstack.session import Session

PATIENCE = 10.0
"""For how many seconds lines are waited for that are still under way when the command has ended."""

_ENDS = {"StackRunEnded", "StackRunFailed", "StackRunUnknown", "JobExpired"}
_OPEN = {"asked", "running"}


def follow_run(session: Session, view: Json, app: str) -> Json:
    """Show what a run prints until it has ended; returns how it ended. Ctrl-C: raises Silent, INTERRUPTED.

    With `--json` its lines are not shown: `ownstack logs` has them.
    """
    run = _Run(session, app, view["id"])
    try:
        return run.ended(view["sequence"])
    except KeyboardInterrupt:
        session.output.note(f"The command goes on without you. To see it: {run.logs} --follow")
        raise Silent(Exit.INTERRUPTED) from None


@dataclass
class _Run:
    """shown: how many lines have been; last: the cursor of the last one."""

    session: Session
    app: str
    id: str
    shown: int = field(default=0, init=False)
    last: int = field(default=0, init=False)

    @property
    def job(self) -> str:
        return f"{self.id}#run"

    @property
    def logs(self) -> str:
        return f"ownstack logs {self.app} --deployment {self.job}"

    @property
    def _path(self) -> str:
        return f"/apps/{segment(self.app)}/logs"

    def ended(self, after: int) -> Json:
        """Follow it to its end; `after`: the sequence of its command."""
        with closing(Feeds(self.session.client)) as feeds:
            if not self.session.output.json:
                feeds.open("lines", f"{self._path}/events", after="0", deployment=self.job)
            view = self._view()
            if view["status"] in _OPEN:
                feeds.open("facts", "/events", after=str(after))
                self._show_until_end(feeds)
                view = self._view()
            if not self.session.output.json:
                self._show_rest(feeds, view)
        return view

    def _view(self) -> Json:
        return self.session.client.get(f"/apps/{segment(self.app)}/runs/{segment(self.id)}")

    def _show_until_end(self, feeds: Feeds) -> None:
        while (came := feeds.next()) is not None:
            name, event = came
            found = event.document()
            if name == "lines":
                self._show(found)
            elif found["type"] in _ENDS and found.get("data", {}).get("job") == self.job:
                return

    def _show_rest(self, feeds: Feeds, view: Json) -> None:
        """It is known how many lines there are of what has ended. Of all else those are shown that are there."""
        if view["lines"] is None:
            for line in self.session.client.pages(self._path, deployment=self.job, after=self.last):
                self._show(line)
            return
        until = time.monotonic() + PATIENCE
        while self.shown < view["lines"]:
            came = feeds.next(until)
            if came is None:
                missing = f"{view['lines'] - self.shown} of {view['lines']} lines have not come yet."
                self.session.output.note(f"{missing} They will be in: {self.logs}")
                return
            if came[0] == "lines":
                self._show(came[1].document())

    def _show(self, line: Json) -> None:
        """As it was printed; on a terminal nothing in it is obeyed."""
        if line["cursor"] <= self.last:
            return
        text = safe(line["text"]) if sys.stdout.isatty() else line["text"]
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        self.shown, self.last = self.shown + 1, line["cursor"]
