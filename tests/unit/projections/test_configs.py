"""What is shown of the config of apps: who has set which variables, and what is gone."""

from __future__ import annotations

import logging

import pytest
from tests.bench.histories import Chronicle, promoted
from tests.unit.projections.asking import ONE, config_of, config_set, outdated, sealed, variables_of
from tests.unit.projections.house import House
from tests.unit.projections.remembering import Remembering

from ownstack_contracts.apps import AppCreated, AppDestroyed, AppStackAdded, AppStackRemoved
from ownstack_contracts.config import ConfigErased
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackRemoved


def of(value: str) -> str:
    return sealed(value).fingerprint


async def test_variables_say_who_set_them_when_and_for_what(house: House, chronicle: Chronicle) -> None:
    command = config_set(chronicle, "shop", URL="b", KEY="a")
    chronicle.say(command, actor="token:ann")
    first, sequence = chronicle.now, chronicle.team.sequence
    own = config_set(chronicle, "shop", URL="c").model_copy(update={"stack": "eu-2"})
    chronicle.say(own, actor="token:bob")
    plain = config_set(chronicle, "shop").model_copy(
        update={"review": True, "values": {"KEY": sealed("d", secret=False)}}
    )
    chronicle.say(plain)
    await house.take(chronicle.records)
    view = await config_of(house)
    assert (view.app, view.app_id) == ("shop", chronicle.team.apps["shop"].id)
    assert [(v.name, v.stack, v.review, v.fingerprint, v.secret, v.actor) for v in view.variables] == [
        ("KEY", None, False, of("a"), True, "token:ann"),
        ("URL", None, False, of("b"), True, "token:ann"),
        ("URL", "eu-2", False, of("c"), True, "token:bob"),
        ("KEY", None, True, of("d"), False, "token:ann"),
    ]
    assert {(v.at, v.sequence) for v in view.variables[:2]} == {(first, sequence)}
    assert [v.sequence for v in view.variables[2:]] == [sequence + 1, sequence + 2]


async def test_what_is_set_again_is_of_who_set_it_last_and_the_rest_stays(house: House, chronicle: Chronicle) -> None:
    chronicle.say(config_set(chronicle, "shop", URL="a", KEY="a"), actor="token:ann")
    chronicle.say(config_set(chronicle, "shop", URL="b"), actor="token:bob")
    await house.take(chronicle.records)
    assert [(v.name, v.fingerprint, v.actor) for v in (await config_of(house)).variables] == [
        ("KEY", of("a"), "token:ann"),
        ("URL", of("b"), "token:bob"),
    ]


async def test_what_is_unset_is_gone_from_its_scope_alone(house: House, chronicle: Chronicle) -> None:
    chronicle.say(config_set(chronicle, "shop", URL="a", KEY="a"))
    chronicle.say(config_set(chronicle, "shop", URL="b").model_copy(update={"stack": "eu-1"}))
    chronicle.say(config_set(chronicle, "shop").model_copy(update={"unset": ("URL",)}))
    await house.take(chronicle.records)
    assert await variables_of(house) == [("KEY", None, False, of("a")), ("URL", "eu-1", False, of("b"))]


@pytest.mark.parametrize("scope", [{}, {"stack": "eu-1"}, {"review": True}])
async def test_pruning_leaves_what_is_given_and_touches_no_other_scope(
    house: House, chronicle: Chronicle, scope: dict[str, object]
) -> None:
    scopes: list[dict[str, object]] = [{}, {"stack": "eu-1"}, {"review": True}]
    for one in scopes:
        chronicle.say(config_set(chronicle, "shop", URL="a", KEY="a").model_copy(update=one))
    chronicle.say(config_set(chronicle, "shop", NEW="b").model_copy(update={**scope, "prune": True}))
    await house.take(chronicle.records)
    found: dict[tuple[str | None, bool], set[str]] = {}
    for name, stack, review, _ in await variables_of(house):
        found.setdefault((stack, review), set()).add(name)
    assert found == {
        (one.get("stack"), bool(one.get("review"))): {"NEW"} if one == scope else {"URL", "KEY"} for one in scopes
    }


async def test_a_scope_without_variables_leaves_no_row(house: House, chronicle: Chronicle) -> None:
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    chronicle.say(config_set(chronicle, "shop").model_copy(update={"unset": ("URL",)}))
    chronicle.say(config_set(chronicle, "shop").model_copy(update={"prune": True}))
    await house.take(chronicle.records)
    with house.readmodel.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM rm_configs").scalar() == 0


async def test_the_sealed_values_come_with_what_it_takes_to_copy_them_and_are_not_shown(
    house: House, chronicle: Chronicle, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for one in ({}, {"stack": "eu-2"}, {"review": True}):
        chronicle.say(config_set(chronicle, "shop", URL="canary").model_copy(update=one))
    await house.take(chronicle.records)
    shop, staging = [await house.readmodel.sealed_config("acme", app) for app in ("shop", "shop-staging")]
    assert shop is not None
    assert staging is not None
    assert (shop.app_id, shop.stacks, shop.production) == (
        chronicle.team.apps["shop"].id,
        ("eu-1", "eu-2", "eu-3"),
        True,
    )
    assert [(v.name, v.stack, v.review, v.secret, v.sealed, v.fingerprint) for v in shop.variables] == [
        ("URL", stack, review, True, sealed("canary").sealed, of("canary"))
        for stack, review in ((None, False), ("eu-2", False), (None, True))
    ]
    assert (staging.stacks, staging.production, staging.variables) == (("staging-1",), False, ())
    hidden = sealed("canary").sealed.removeprefix("v1.")
    row = house.sink.rows.configs.find("acme", shop.app_id, "", False)
    assert row is not None
    said = [repr(shop), repr(shop.variables), repr(row), (await config_of(house)).model_dump_json(), caplog.text]
    assert not [text for text in said if hidden in text]


async def test_another_team_sees_no_config(house: House, chronicle: Chronicle) -> None:
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    await house.take(chronicle.records)
    assert await house.readmodel.config("beta", "shop") is None
    assert await house.readmodel.sealed_config("beta", "shop") is None
    assert await house.readmodel.config("acme", "nothing") is None
    assert await house.readmodel.sealed_config("acme", "nothing") is None


async def test_the_config_of_an_app_is_gone_with_it(house: House, chronicle: Chronicle) -> None:
    chronicle.play(chronicle.say(AppCreated(app="docs", stacks=("eu-1",))))
    for one in ({}, {"stack": "eu-1"}, {"review": True}):
        chronicle.say(config_set(chronicle, "docs", URL="a").model_copy(update=one))
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    destroyed = len(chronicle.records) + 1
    chronicle.play(chronicle.say(AppDestroyed(app="docs")))
    await house.take(chronicle.records[:destroyed])
    assert await house.readmodel.config("acme", "docs") is None
    with house.readmodel.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM rm_configs").scalar() == 1
    await house.take(chronicle.records)
    chronicle.play(chronicle.say(AppCreated(app="docs", stacks=("eu-1",))))
    await house.take(chronicle.records)
    assert await variables_of(house, "docs") == []
    assert await variables_of(house) == [("URL", None, False, of("a"))]
    with house.readmodel.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM rm_configs").scalar() == 1


async def test_what_was_erased_is_gone_also_from_an_app_that_is_there(house: House, chronicle: Remembering) -> None:
    """As the history may say it of a key that was destroyed for another reason."""
    promoted(chronicle, 1)
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    app_id = chronicle.team.apps["shop"].id
    chronicle.tell(ConfigErased(app="shop", app_id=app_id))
    await house.take(chronicle.records)
    assert await variables_of(house) == []
    assert await outdated(house) == []


async def test_what_is_erased_of_an_earlier_creation_touches_the_present_one_in_nothing(
    house: House, chronicle: Remembering
) -> None:
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    promoted(chronicle, 1)
    chronicle.tell(ConfigErased(app="shop", app_id="shop.0"))
    await house.take(chronicle.records)
    assert await variables_of(house) == [("URL", None, False, of("a"))]
    assert await outdated(house) == []


async def test_what_a_stack_had_of_its_own_is_gone_with_it(house: House, chronicle: Chronicle) -> None:
    for stack in ("eu-1", "eu-2", "eu-3"):
        chronicle.say(config_set(chronicle, "shop", URL=stack).model_copy(update={"stack": stack}))
    chronicle.play(chronicle.say(AppStackRemoved(app="shop", stack="eu-1")))
    chronicle.say(StackRemoved(stack="eu-2", forget=True))
    await house.take(chronicle.records)
    assert await variables_of(house) == [("URL", "eu-3", False, of("eu-3"))]
    chronicle.play(chronicle.say(AppStackAdded(app="shop", stack="eu-1")))
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=ONE)))
    await house.take(chronicle.records)
    assert await outdated(house) == []
