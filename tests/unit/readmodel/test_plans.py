"""How the database finds what is asked for: by an index, in order, and never by reading the whole history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event, insert

from ownstack_readmodel import ReadModel
from ownstack_readmodel.paging import cursor_of
from ownstack_readmodel.tables import ROLLOUTS

CURSOR = cursor_of(7)
NAME = cursor_of("shop")

LISTS: dict[str, Callable[[ReadModel], Awaitable[object]]] = {
    "apps": lambda m: m.apps("acme", 50, NAME),
    "stacks": lambda m: m.stacks("acme", 50, NAME),
    "pipelines": lambda m: m.pipelines("acme", 50, NAME),
    "rollouts": lambda m: m.rollouts("acme", 50, CURSOR),
    "rollouts of an app": lambda m: m.rollouts("acme", 50, CURSOR, app="shop"),
    "promotions": lambda m: m.promotions("acme", 50, CURSOR),
    "promotions of an app": lambda m: m.promotions("acme", 50, CURSOR, app="shop"),
    "promotions in a status": lambda m: m.promotions("acme", 50, CURSOR, status="running"),
    "promotions of an app in a status": lambda m: m.promotions("acme", 50, CURSOR, app="shop", status="running"),
    "deployments": lambda m: m.deployments("acme", "shop", 50, cursor_of(7, 7)),
    "deployments on a stack": lambda m: m.deployments("acme", "shop", 50, cursor_of(7, 7), stack="eu-1"),
    "releases": lambda m: m.releases("acme", "shop", 50, CURSOR),
    "runs": lambda m: m.runs("acme", "shop", 50, CURSOR),
    "history from the beginning": lambda m: m.history("acme", 50, CURSOR, after=0),
    "history from the end": lambda m: m.history("acme", 50, CURSOR),
    "history of an app": lambda m: m.history("acme", 50, CURSOR, app="shop", after=0),
    "history of an app from the end": lambda m: m.history("acme", 50, CURSOR, app="shop"),
    "facts": lambda m: m.facts_after("acme", 7, 50, app="shop"),
    "logs": lambda m: m.logs("acme", "shop", 50, CURSOR),
    "logs of a stack": lambda m: m.logs("acme", "shop", 50, CURSOR, stack="eu-1"),
    "logs of a deployment": lambda m: m.logs("acme", "shop", 50, CURSOR, deployment="p.eu-1"),
}
ONES: dict[str, Callable[[ReadModel], Awaitable[object]]] = {
    "app": lambda m: m.app("acme", "shop"),
    "config": lambda m: m.config("acme", "shop"),
    "sealed config": lambda m: m.sealed_config("acme", "shop"),
    "stack": lambda m: m.stack("acme", "eu-1"),
    "pipeline": lambda m: m.pipeline("acme", "shop"),
    "rollout": lambda m: m.rollout("acme", "p"),
    "deployment": lambda m: m.deployment("acme", "p.eu-1"),
    "release": lambda m: m.release("acme", "shop", 1),
    "run": lambda m: m.run("acme", "r"),
    "command": lambda m: m.command("acme", "c"),
    "last sequence": lambda m: m.last_sequence("acme"),
    "last line": lambda m: m.last_line("acme", "shop"),
}
Statement = tuple[str, Any]


@pytest.fixture
def filled(readmodel: ReadModel) -> ReadModel:
    """One app with a deployment, a pipeline and a promotion, so that every statement of a query is reached."""
    with readmodel.writing() as connection:
        for statement in (
            "INSERT INTO rm_apps VALUES ('acme','shop','shop.1',1,'each-stack','each-stack',1,1,'shop',NULL,'[]',"
            "true,NULL,NULL,NULL,'{}')",
            "INSERT INTO rm_configs VALUES ('acme','shop.1','',false,'{}')",
            "INSERT INTO rm_pipelines VALUES ('acme','shop',1,'[\"shop\"]',NULL)",
            "INSERT INTO rm_stacks VALUES ('acme','eu-1','noop','','{}',1,NULL)",
            "INSERT INTO rm_app_stacks VALUES ('acme','shop','eu-1','shop.1',1,'live','i@sha256:a','sha256:a',NULL,"
            "'none',1,'p.eu-1',NULL,1,1,NULL,NULL,'p.eu-1','{}',NULL,'sha256:b',NULL)",
            "INSERT INTO rm_rollouts VALUES ('acme','p',1,'promotion','shop','shop.1','running',1,'i@sha256:a',"
            "'sha256:a','none','ann',false,1,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'[\"eu-1\"]',NULL,NULL,'[]',"
            "NULL,NULL,NULL,false,NULL)",
            "INSERT INTO rm_releases VALUES ('acme','shop.1',1,'shop','i@sha256:a','sha256:a','none','promotion','p',"
            "NULL,NULL,1,'{}')",
            "INSERT INTO rm_runs VALUES ('acme','r','r#run','shop','shop.1','eu-1','[]','asked',1,NULL,1,NULL,NULL,"
            "NULL,NULL,NULL,NULL)",
            "INSERT INTO rm_deployments VALUES ('acme','p','eu-1','shop','shop.1',1,0,1,1,'asked',NULL,NULL)",
        ):
            connection.exec_driver_sql(statement)
    return readmodel


async def statements_of(readmodel: ReadModel, ask: Callable[[ReadModel], Awaitable[object]]) -> list[Statement]:
    asked: list[Statement] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, ___: Any, ____: Any) -> None:
        asked.append((statement, parameters))

    event.listen(readmodel.engine, "before_cursor_execute", note)
    try:
        await ask(readmodel)
    finally:
        event.remove(readmodel.engine, "before_cursor_execute", note)
    return [(statement, parameters) for statement, parameters in asked if not statement.startswith("BEGIN")]


class Sqlite:
    """How SQLite tells its plan."""

    def plan_of(self, readmodel: ReadModel, statement: Statement) -> list[str]:
        with readmodel.reading() as connection:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement[0]}", statement[1])
            return [row.detail for row in rows]

    def reads_all(self, step: str) -> bool:
        return step.startswith("SCAN rm_")

    def sorts(self, step: str) -> bool:
        return "TEMP B-TREE" in step


class Postgres:
    """PostgreSQL reads a small table as a whole and sorts it, unless it is told not to where there is another way."""

    def plan_of(self, readmodel: ReadModel, statement: Statement) -> list[str]:
        with readmodel.reading() as connection:
            for way in ("seqscan", "bitmapscan", "sort", "incremental_sort", "hashjoin", "mergejoin"):
                connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
            rows = [row[0].strip() for row in connection.exec_driver_sql(f"EXPLAIN {statement[0]}", statement[1])]
            return [f"{row} {under}" if " on rm_" in row else row for row, under in pairwise([*rows, ""])]

    def reads_all(self, step: str) -> bool:
        """From one end to the other, by an index or without."""
        return " on rm_" in step and "Scan" in step and "Index Cond" not in step

    def sorts(self, step: str) -> bool:
        return step.removeprefix("->").strip().startswith(("Sort  (", "Incremental Sort  ("))


def told_by(readmodel: ReadModel) -> Sqlite | Postgres:
    return Sqlite() if readmodel.engine.dialect.name == "sqlite" else Postgres()


@pytest.mark.parametrize("name", [*LISTS, *ONES])
async def test_no_query_reads_a_whole_table(filled: ReadModel, name: str) -> None:
    statements, database = await statements_of(filled, {**LISTS, **ONES}[name]), told_by(filled)
    assert statements
    for statement in statements:
        plan = database.plan_of(filled, statement)
        assert plan
        assert not [step for step in plan if database.reads_all(step)], (statement, plan)


IN_ORDER = [name for name in LISTS if name.startswith(("history from", "rollouts", "promotions", "logs"))]


@pytest.mark.parametrize("name", [*IN_ORDER, "deployments", "deployments on a stack", "releases", "runs"])
async def test_long_lists_are_read_in_order_by_an_index(filled: ReadModel, name: str) -> None:
    database = told_by(filled)
    lists = [s for s in await statements_of(filled, LISTS[name]) if "LIMIT" in s[0] and "ORDER BY" in s[0]]
    assert lists
    for statement in lists:
        plan = database.plan_of(filled, statement)
        assert not [step for step in plan if database.sorts(step)], (statement, plan)


@pytest.mark.parametrize("name", ["apps", "app"])
async def test_what_is_new_of_apps_is_found_without_going_through_all_that_they_ever_had(
    filled: ReadModel, name: str
) -> None:
    one = {"team": "acme", "app": "shop", "app_id": "shop.1", "kind": "deploy", "status": "succeeded", "stacks": "[]"}
    one |= {"requester": "ann", "redeploy": False, "requested_at": 1, "release_tasks": "[]", "config_change": False}
    others = [one | {"rollout": f"r{number}", "opened": number} for number in range(2, 3_000)]
    apart = {"app": "docs", "app_id": "docs.1"}
    others += [one | apart | {"rollout": f"d{number}", "opened": number} for number in range(3_000, 6_000)]
    with filled.writing() as connection:
        connection.execute(insert(ROLLOUTS), others)
    with filled.writing() as connection:
        connection.exec_driver_sql("ANALYZE rm_rollouts")
    asked = [s for s in await statements_of(filled, {**LISTS, **ONES}[name]) if "rm_rollouts" in s[0]]
    beside, found = ([step for step in told_by(filled).plan_of(filled, s) if "rm_rollouts" in step] for s in asked)
    latest, resolving = beside
    assert "rm_rollouts_by_app" in latest
    assert "rm_rollouts_by_kind_status" in resolving
    assert not [step for step in beside if told_by(filled).sorts(step)]
    assert all("rm_rollouts_by" not in step for step in found), "by its key"
