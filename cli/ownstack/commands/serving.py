"""`ownstack serve`: one service as a process of its own, on Kafka and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from ownstack import looping
from ownstack.exits import Exit, Silent
from ownstack.missing import service_missing
from ownstack.session import Session, command

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

SERVICES = {
    "api": "Take commands, answer queries, and stream what happens.",
    "promoter": "Decide: any number of them share the teams.",
    "deployer": "Carry out jobs on stacks: any number of them share the work.",
    "projections": "Keep the read model in step with the history.",
}


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(
        help="Run one service as a process of its own; its settings are in its environment.", no_args_is_help=True
    )
    for service, meaning in SERVICES.items():
        command(made, service, cls=_helped(service))(_serving(service, meaning))
    return made


def _serving(service: str, meaning: str) -> Callable[[Session], None]:
    def serve(session: Session) -> None:  # noqa: ARG001 - all commands have one
        run(service)

    serve.__doc__ = meaning
    return serve


def run(service: str) -> None:
    """Run a service until a signal ends it. Raises Silent if it does not end well: its log has said why."""
    from ownstack.serve.process import live  # noqa: PLC0415 - late

    ended = looping.run(live(service))
    if ended is not Exit.OK:
        raise Silent(ended)


def settings_of(service: str) -> list[type[BaseSettings]]:
    """The classes that a service reads its environment with; its own first. Raises Failure `not-installed`."""
    try:
        module: Any = import_module(f"ownstack_{service}.settings")
        from ownstack.serve import settings as common  # noqa: PLC0415 - late
        from ownstack_bus.kafka.settings import KafkaSettings  # noqa: PLC0415 - late
    except ModuleNotFoundError as error:
        raise service_missing(error, service) from None
    databases: dict[str, list[type[BaseSettings]]] = {
        "api": [common.DatabaseSettings, common.SecretKeySettings],
        "projections": [common.DatabaseSettings],
        "deployer": [common.DatabaseSettings, common.SecretKeySettings],
    }
    return [module.Settings, common.ProcessSettings, *databases.get(service, []), KafkaSettings]


def described(kind: type[BaseSettings]) -> Iterator[tuple[str, str]]:
    """Per setting of a class: the variable, and what it means, with its default."""
    for name, field in kind.model_fields.items():
        prefix = kind.model_config.get("env_prefix", "")
        default = "required" if field.is_required() else _default(field)
        meaning = " ".join((field.description or "").split())
        yield f"{prefix}{name}".upper(), f"{meaning} ({default})"


def _default(field: Any) -> str:
    if field.default_factory is not None:
        return "default: see the text"
    return "no default" if field.default in {None, ""} else f"default {field.default}"


def _helped(service: str) -> type[TyperCommand]:
    class Helped(TyperCommand):
        """Its help ends with the settings of the service."""

        def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - as Click calls it
            with formatter.section("Environment"):
                formatter.write_dl([row for kind in settings_of(service) for row in described(kind)])

    return Helped
