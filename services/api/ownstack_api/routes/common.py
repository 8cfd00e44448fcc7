"""What the routes share: names in paths, and how an operation that takes a command is described."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path
from fastapi.routing import APIRoute
from starlette.responses import Response

from ownstack_api.auth import PREFIX
from ownstack_api.bodies import StrictRoute
from ownstack_api.eventstream import MEDIA_TYPE
from ownstack_api.openapi import problems
from ownstack_api.outcomes import CommandAnswer
from ownstack_contracts.names import AppName, CommandId, Identifier, Number, StackName

App = Annotated[AppName, Path(description="The name of an app.")]
Stack = Annotated[StackName, Path(description="The name of a stack.")]
Production = Annotated[AppName, Path(description="The app whose pipeline it is.")]
Stage = Annotated[AppName, Path(description="An app that is a stage of the pipeline.")]
RolloutId = Annotated[CommandId, Path(description="The id of a rollout: of the command that opened it.")]
PromotionId = Annotated[CommandId, Path(description="The id of a promotion: of the command that opened it.")]
DeploymentId = Annotated[Identifier, Path(description="The id of a deployment.")]


def router(tag: str) -> APIRouter:
    """A router for one resource, below `/api/v1`."""
    return APIRouter(prefix=PREFIX, tags=[tag], route_class=StrictRoute, generate_unique_id_function=name_of)


def name_of(route: APIRoute) -> str:
    """The id of an operation: the name of its function, which is short, and unique over all modules."""
    return route.name


NEW_APP = "ownstack app list; one that is being created is known as soon as that is admitted."
"""What to do if an app is unknown that must be known before a command is made."""

NOT_STORED = {"Cache-Control": "no-store"}
"""The headers of an answer that has a secret in it."""

_LOCATION = {"Location": {"description": "Where the command is found.", "schema": {"type": "string"}}}

COMMAND: dict[str, Any] = {
    "status_code": 202,
    "response_model": CommandAnswer,
    "response_description": "It is durable; what becomes of it is found at `Location`.",
    "responses": {
        202: {"headers": _LOCATION},
        200: {"model": CommandAnswer, "description": "It was admitted while you waited.", "headers": _LOCATION},
        **problems(409, 413, 422, 503),
    },
}
"""How an operation that takes a command is declared."""


async def _last_event_id(
    last: Annotated[
        Number | None,
        Header(alias="Last-Event-ID", description="The id of the last event that you saw: go on after it."),
    ] = None,
) -> int | None:
    return last


LastEventId = Annotated[int | None, Depends(_last_event_id)]

STREAM: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {"description": "Events as they come.", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}},
        **problems(404, 409, 422, 429),
    },
}
"""How an operation that streams is declared."""
