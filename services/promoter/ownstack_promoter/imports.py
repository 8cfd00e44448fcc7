"""Imports: an app that runs on a stack already is taken over, once it was seen there."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.apps import AppImported, AppImportFailed, AppImportRequested
from ownstack_contracts.message import Message
from ownstack_contracts.reports import StackObserved
from ownstack_promoter.apps import app_id_at, refuse_existing
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.looks import found_release, look, next_look
from ownstack_promoter.model import App, Import, Settings
from ownstack_promoter.team import Team


@decides(AppImportRequested)
def request_import(team: Team, command: AppImportRequested, moment: Moment) -> Iterator[Message]:
    refuse_existing(team, command.app)
    team.stack(command.stack)
    yield command
    yield look(
        team,
        command.app,
        app_id_at(command.app, team.sequence + 1),
        command.stack,
        moment,
        patience=Settings().waiting_deadline * 1_000,
        config=command.config,
    )


@evolves(AppImportRequested)
def import_requested(team: Team, fact: AppImportRequested) -> None:
    app_id = app_id_at(fact.app, team.sequence)
    team.imports[fact.app] = Import(fact.app, app_id, fact.stack, next_look(team, fact.app, app_id, fact.stack))


def importing(team: Team, look: str) -> Import | None:
    """The import that waits for this look."""
    return next((waiting for waiting in team.imports.values() if waiting.job == look), None)


def import_seen(team: Team, waiting: Import, report: StackObserved) -> Iterator[Message]:
    """The stack was looked at: the app is taken over, if it is there and nobody else's."""
    live = report.live
    if live is None:
        yield report
        yield import_failed(
            waiting,
            "app-not-on-stack",
            f"{waiting.stack} runs no app {waiting.app}. To create one there: ownstack app create {waiting.app} "
            f"--stack {waiting.stack}",
        )
    elif live.is_foreign(team.name):
        yield report
        yield import_failed(
            waiting, "foreign-app", f"{waiting.app} on {waiting.stack} belongs to team {live.team}: it is left to them."
        )
    else:
        yield AppImported(app=waiting.app, app_id=waiting.app_id, stack=waiting.stack, config_keys=report.config_keys)
        yield report
        if live.image is not None:
            yield found_release(waiting.app, waiting.app_id, 1, live.image)


def import_failed(waiting: Import, code: str, message: str) -> AppImportFailed:
    """There is no such app here."""
    return AppImportFailed(app=waiting.app, stack=waiting.stack, code=code, message=message)


@evolves(AppImported)
def app_imported(team: Team, fact: AppImported) -> None:
    team.imports.pop(fact.app, None)
    team.apps[fact.app] = App(fact.app, fact.app_id, {fact.stack: None})


@evolves(AppImportFailed)
def app_import_failed(team: Team, fact: AppImportFailed) -> None:
    team.imports.pop(fact.app, None)
