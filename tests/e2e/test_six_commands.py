"""The six commands as they are typed, on the stacks of the demo and on Dokku: config comes, clones come and go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from tests.e2e.house import Ended, House, house_in
from tests.e2e.test_dokku import SETTLE, add
from tests.real.dokku.server import new_server

from ownstack.story import Place

STAGING, PRODUCTION, REVIEW = ("shop-staging", "staging-1"), ("shop", "eu-1"), ("pr-7", "review-stack")
GREETING, SECRET = "Hello to all", "postgres://c4n4ry:v4lue@db/shop"
NAMES = ("GREETING", "DATABASE_URL", "MAIL")
IN_HEX = "import os; [print(f'{name}={value.encode().hex()}') for name, value in os.environ.items()]"
"""In any line of a log values are masked."""


class Ground(Protocol):
    """A house with the stacks of STAGING, PRODUCTION and REVIEW."""

    @property
    def house(self) -> House: ...

    @property
    def image(self) -> str:
        """Of an app, as stacks find it."""

    def config(self, place: Place) -> Mapping[str, str]:
        """The variables that what runs there runs with."""

    def is_gone(self, place: Place) -> bool:
        """Whether nothing of the app is there."""


class Programs:
    """Stacks of the examples' driver, which runs what it is told to on this machine."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.start()
        for _, stack in (STAGING, PRODUCTION, REVIEW):
            house.right("stack", "add", stack, *house.driver)

    @property
    def image(self) -> str:
        return self.house.image("shop", 1)

    def config(self, place: Place) -> Mapping[str, str]:
        """Its page shows one variable; the others are asked of the environment that a command beside it has."""
        app, stack = place
        printed = self.house.right("run", app, "--stack", stack, "--", sys.executable, "-c", IN_HEX).out
        known = {name: bytes.fromhex(value).decode() for name, _, value in map(_parted, printed.splitlines())}
        assert self.house.answer(place).get("greeting") == known.get("GREETING")
        return {name: value for name, value in known.items() if name in NAMES}

    def is_gone(self, place: Place) -> bool:
        app, stack = place
        return not (self.house.home / stack / f"default.{app}" / "live.json").exists()


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition("=")


class Dokkus:
    """Dokku servers: a real sshd before a stand-in."""

    def __init__(self, house: House, stack: ExitStack) -> None:
        self.house = house
        house.extra = {"OWNSTACK_DEPLOYER_DOKKU_SETTLE": str(SETTLE)}
        house.start()
        self.servers = {
            name: stack.enter_context(new_server(house.folder / "servers" / name))
            for _, name in (STAGING, PRODUCTION, REVIEW)
        }
        for name, server in self.servers.items():
            add(house, name, server)

    @property
    def image(self) -> str:
        return self.servers["staging-1"].image("v1")

    def config(self, place: Place) -> Mapping[str, str]:
        app, stack = place
        assert self.servers[stack].live(app) == self.image
        known = self.servers[stack].config(app)
        return {name: value for name, value in known.items() if name in NAMES}

    def is_gone(self, place: Place) -> bool:
        app, stack = place
        return app not in self.servers[stack].apps()


@contextmanager
def programs(folder: Path) -> Iterator[Ground]:
    with house_in(folder) as house:
        yield Programs(house)


@contextmanager
def dokku(folder: Path) -> Iterator[Ground]:
    with house_in(folder) as house, ExitStack() as stack:
        yield Dokkus(house, stack)


@pytest.mark.parametrize("grounds", [programs, dokku])
def test_the_six_commands_do_what_they_say(
    grounds: Callable[[Path], AbstractContextManager[Ground]], tmp_path: Path
) -> None:
    with grounds(tmp_path / "house") as ground:
        house = ground.house
        for app, stack in (STAGING, PRODUCTION):
            house.right("app", "create", app, "--stack", stack)
        file = tmp_path / "shop.env"
        file.write_text(f"# of both\nGREETING='{GREETING}'\nexport DATABASE_URL={SECRET}\n")

        typed(house, "ownstack app pipeline create shop")
        typed(house, "ownstack app pipeline add-staging shop shop-staging")
        typed(house, f"ownstack config:push --file={file} --app shop-staging --app shop")
        house.right("config:set", "shop-staging", "GREETING=Hello, tester")
        house.right("config:set", "shop", f"GREETING={GREETING}", "--plain")
        house.right("config:set", "shop", "MAIL=off", "--review")
        house.right("deploy", "shop-staging", "--image", ground.image)
        typed(house, "ownstack app pipeline promote shop-staging")
        assert ground.config(STAGING) == {"GREETING": "Hello, tester", "DATABASE_URL": SECRET}
        assert ground.config(PRODUCTION) == {"GREETING": GREETING, "DATABASE_URL": SECRET}

        cloned = typed(house, "ownstack app clone shop pr-7 --stack=review-stack --deploy")
        assert "Left out, as secrets of production: DATABASE_URL\n" in cloned.out
        assert ground.config(REVIEW) == {"GREETING": GREETING, "MAIL": "off"}

        # what runs is released again with what has changed, and a variable that is gone is gone there, too
        changed = house.right("config:set", "pr-7", f"DATABASE_URL={SECRET}", "--json").json
        assert (changed["rollout"]["status"], changed["rollout"]["config_change"]) == ("succeeded", True)
        house.right("config:unset", "pr-7", "MAIL")
        assert ground.config(REVIEW) == {"GREETING": GREETING, "DATABASE_URL": SECRET}
        assert house.right("config:set", "pr-7", f"DATABASE_URL={SECRET}", "--json").json["kept"] == "same"
        assert house.right("config:get", "pr-7", "DATABASE_URL").out == f"{SECRET}\n"
        assert house.ownstack("config:diff", "shop", "pr-7").code == 0

        typed(house, "ownstack app destroy pr-7 --force")
        assert ground.is_gone(REVIEW)
        assert "pr-7" not in house.right("app", "list").out
        assert ground.config(PRODUCTION) == {"GREETING": GREETING, "DATABASE_URL": SECRET}
        assert SECRET not in house.log
        assert SECRET not in house.right("history", "--limit", "1000", "--json").out


def typed(house: House, line: str) -> Ended:
    """As it is typed, in a shell without a terminal. No value is ever shown."""
    ended = house.typed(*line.split()[1:])
    assert ended.code == 0, (line, ended, house.log)
    assert SECRET not in ended.out + ended.err
    return ended
