"""The story that `ownstack demo` tells, as steps: what is typed, how it ends, and what then answers where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ownstack.exits import Exit

STAGING = "staging-1"
PRODUCTION = ("eu-1", "us-1", "ap-1")
BROKEN = "us-1"
"""The stack whose database is read-only for a while."""

TESTERS, VISITORS, REGULARS = "Hello, tester", "Hello", "Welcome back"
"""How the shop greets: in staging, and in production, first and then."""

Place = tuple[str, str]
"""An app, and a stack."""


@dataclass(frozen=True, slots=True)
class Step:
    """says: to people. arguments: of `ownstack`. exit_code: the right one. answers: by place, the version that serves.

    greeting: what all of those places say to visitors; None: that does not matter. database: whether the database of
    `shop` on BROKEN can be written, from before this step on; None: as it was. asks: whether it only asks something.
    """

    says: str
    arguments: tuple[str, ...]
    exit_code: Exit = Exit.OK
    answers: Mapping[Place, int] = field(default_factory=dict)
    greeting: str | None = None
    database: bool | None = None
    asks: bool = False


def _everywhere(app: str, version: int) -> dict[Place, int]:
    return {(app, stack): version for stack in PRODUCTION}


def setting_up(driver: tuple[str, ...]) -> list[Step]:
    """Stacks, apps and pipelines. `driver`: the options of `stack add` that say how a stack is driven."""
    steps = [Step(f"{stack}: a server", ("stack", "add", stack, *driver)) for stack in (STAGING, *PRODUCTION)]
    for app in ("shop", "hello"):
        production = tuple(word for stack in PRODUCTION for word in ("--stack", stack))
        steps += [
            Step(f"{app}, to be tested on one stack", ("app", "create", f"{app}-staging", "--stack", STAGING)),
            Step(f"{app}, for visitors, on three", ("app", "create", app, *production)),
            Step("Both are stages of one pipeline", ("app", "pipeline", "create", app)),
            Step("… staging before production", ("app", "pipeline", "add-staging", app, f"{app}-staging")),
            Step("Its images are in no registry: there is nothing to tag", ("app", "settings", app, "--no-retag")),
        ]
    return [*steps, *_configuring()]


def _configuring() -> list[Step]:
    """Each stage has a config of its own."""
    return [
        Step("Each stage has a config of its own; values are encrypted", _greet("shop-staging", TESTERS)),
        Step("… production has another one, which no promotion touches", _greet("shop", VISITORS)),
    ]


def _greet(app: str, greeting: str) -> tuple[str, ...]:
    return ("config:set", app, f"GREETING={greeting}")


def releasing(hello: str, shop: str, newer_shop: str) -> list[Step]:
    """What is done with them, given the images: a first version of each, and one of shop that has a new migration."""
    return [
        *_to_production("hello", hello, 1),
        *_to_production("shop", shop, 1, TESTERS, VISITORS),
        Step(
            "What differs between the two, without a value being shown",
            ("config:diff", "shop-staging", "shop"),
            Exit.FAILED,
            asks=True,
        ),
        Step(
            "A change of config is a release, too",
            _greet("shop", REGULARS),
            answers=_everywhere("shop", 1),
            greeting=REGULARS,
        ),
        *_migrating(newer_shop),
    ]


def _migrating(newer_shop: str) -> list[Step]:
    """A migration fails on one stack, and is tried again there."""
    return [
        Step(
            "A new version of shop, with a migration",
            ("deploy", "shop-staging", "--image", newer_shop),
            answers={("shop-staging", STAGING): 3},
            greeting=TESTERS,
        ),
        Step(
            f"Promote it. On {BROKEN} the database is read-only: there the old version serves on, the others go ahead",
            ("app", "pipeline", "promote", "shop-staging"),
            Exit.FAILED,
            {**_everywhere("shop", 3), ("shop", BROKEN): 1},
            REGULARS,
            database=False,
        ),
        Step(
            f"The database of {BROKEN} is mended: try again there",
            ("retry", "shop", "--stack", BROKEN),
            answers=_everywhere("shop", 3),
            greeting=REGULARS,
            database=True,
        ),
    ]


def _to_production(
    app: str, image: str, version: int, testers: str | None = None, visitors: str | None = None
) -> list[Step]:
    return [
        Step(
            f"Deploy {app} to staging",
            ("deploy", f"{app}-staging", "--image", image),
            answers={(f"{app}-staging", STAGING): version},
            greeting=testers,
        ),
        Step(
            "Promote exactly that image to production, on all stacks at once",
            ("app", "pipeline", "promote", f"{app}-staging"),
            answers=_everywhere(app, version),
            greeting=visitors,
        ),
    ]
