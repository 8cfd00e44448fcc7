"""Secrets on Kafka and PostgreSQL: plain ones that somebody publishes, and sealed ones until their app is destroyed."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import closing

import psycopg
from psycopg import sql
from tests.e2e.test_kcat import facts as facts_of
from tests.e2e.test_kcat import house, letters_of, program, publish, until_found
from tests.integration.serve.circles import IMAGES, TEAM, begun, with_shop
from tests.integration.serve.processes import Installation
from tests.real.postgres import plain

from ownstack_contracts.topics import COMMANDS, TOPICS

__all__ = ["house", "program"]  # fixtures


def read(program: str, house: Installation, topic: str) -> bytes:
    """All that stands on a topic, with keys and headers."""
    servers = house.env["OWNSTACK_BUS"].removeprefix("kafka://")
    wanted = ["-t", house.env["OWNSTACK_KAFKA_PREFIX"] + topic, "-f", "%k %h %s\n"]
    done = subprocess.run([program, "-C", "-e", "-q", "-b", servers, *wanted], capture_output=True, check=True)
    return done.stdout


def rows(house: Installation) -> Iterator[tuple[str, bytes]]:
    """All tables of the database, as text."""
    with closing(psycopg.connect(plain(house.env["OWNSTACK_DATABASE"]))) as connection:
        named = (
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in connection.execute(named).fetchall():
            found = connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table)))
            yield table, "\n".join(row[0] for row in found).encode()


def keys(house: Installation) -> dict[str, bool]:
    """Of each app that ever had config, whether its key is there."""
    with closing(psycopg.connect(plain(house.env["OWNSTACK_DATABASE"]))) as connection:
        return dict(
            connection.execute("SELECT name, wrapped IS NOT NULL FROM vault_keys WHERE kind = 'data'").fetchall()
        )


def test_a_plain_value_is_rejected_and_stands_where_it_was_published_and_nowhere_else(
    program: str, house: Installation
) -> None:
    circle = begun(house)
    with_shop(house)
    canary = f"canary-{secrets.token_hex(12)}"
    app_id = json.loads(house.right("app", "info", "shop", "--json"))["id"]
    attributes = {"specversion": "1.0", "id": "plain", "source": "/by/hand", "type": "ConfigSet", "team": TEAM}
    publish(
        program, house, json.dumps({**attributes, "data": {"app": "shop", "app_id": app_id, "values": {"A": canary}}})
    )
    publish(program, house, json.dumps({**attributes, "id": "torn"})[:-2] + canary)
    (rejected,) = until_found(lambda: facts_of(house, "CommandRejected"))
    assert rejected["data"]["code"] == "config-not-encrypted"
    assert "config:set" in rejected["data"]["hint"]
    until_found(lambda: letters_of(house, 2))
    assert canary.encode() in read(program, house, COMMANDS.name)
    for topic in TOPICS:
        if topic != COMMANDS.name:
            assert canary.encode() not in read(program, house, topic), topic
    assert [table for table, text in rows(house) if canary.encode() in text] == []
    assert [process.service for process in circle.processes if canary in process.said] == []
    assert canary not in "".join(process.figures() for process in circle.processes)


def test_a_sealed_value_is_nowhere_plain_and_unreadable_once_its_app_is_destroyed(
    program: str, house: Installation
) -> None:
    circle = begun(house)
    with_shop(house)
    canary = f"canary-{secrets.token_hex(12)}"
    house.right("config:set", "shop", f"A={canary}", "--no-deploy")
    house.right("deploy", "shop", "--image", IMAGES[0])
    assert house.right("config:get", "shop", "A").strip() == canary
    house.right("app", "clone", "shop-staging", "copy", "--stack=eu-1", "--deploy")
    house.right("app", "pipeline", "remove", "shop")
    app_id = json.loads(house.right("app", "info", "shop", "--json"))["id"]
    assert keys(house)[app_id]
    house.right("app", "destroy", "shop", "--force")
    until_found(lambda: [{}] if not keys(house)[app_id] else None)
    for topic in TOPICS:
        assert canary.encode() not in read(program, house, topic), topic
    assert [table for table, text in rows(house) if canary.encode() in text] == []
    assert [process.service for process in circle.processes if canary in process.said] == []
