"""Puts the API together: routes, middleware and error handlers over the parts it is given."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware import Middleware

from ownstack_api import handlers, openapi
from ownstack_api.auth import Authentication
from ownstack_api.limits import BodyLimit, Turnstile
from ownstack_api.meters import Counted
from ownstack_api.parts import Parts
from ownstack_api.refusals import Refusals
from ownstack_api.routes import (
    apps,
    clones,
    commands,
    config,
    dead_letters,
    deployments,
    health,
    history,
    logs,
    pipelines,
    promotions,
    releases,
    reviews,
    rollouts,
    runs,
    stacks,
    tokens,
    webhooks,
)
from ownstack_api.tracing import Traced

DESCRIPTION = (
    "Commands in, queries out, live updates. A command answers 202 once it is durable; `Prefer: wait=10` waits for "
    "what becomes of it. Errors are problem details (RFC 9457). Times are milliseconds since the epoch, UTC."
)

ROUTES = [
    route
    for module in (
        commands,
        stacks,
        apps,
        config,
        clones,
        releases,
        deployments,
        runs,
        pipelines,
        reviews,
        promotions,
        rollouts,
        history,
        logs,
        dead_letters,
        tokens,
        webhooks,
        health,
    )
    for route in module.routes.routes
]


def create_app(parts: Parts) -> FastAPI:
    """The API over these parts. It owns none of them: whoever opened them closes them."""
    database = Refusals("the database")
    middleware = [
        Middleware(Traced),
        Middleware(Counted, meters=parts.meters),
        Middleware(Turnstile, path=webhooks.PATH, most=webhooks.MOST_AT_ONCE),
        Middleware(Authentication, vault=parts.vault, refusals=database),
        Middleware(BodyLimit, limit=parts.settings.max_body_bytes, elsewhere={webhooks.PATH: webhooks.BOUNDS}),
    ]
    app = _bare(middleware)
    app.state.parts = parts
    handlers.install(app, database)
    return app


def routes_only() -> FastAPI:
    """The API without parts: it can only be described."""
    return _bare([])


def _bare(middleware: list[Middleware]) -> FastAPI:
    """No documentation pages: they load scripts from elsewhere. No redirects: they would believe the Host header."""
    app = FastAPI(
        title="OwnStack Pipelines",
        version=version("ownstack"),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=middleware,
        routes=ROUTES,
    )
    openapi.install(app)
    return app
