"""A vault that can't be opened says why, with a code, and whether it is worth trying again."""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, event, make_url
from sqlalchemy.exc import DBAPIError
from tests.real.postgres import away, database, postgres

from ownstack_vault import VaultUnusable, open_vault

NOW = 1_800_000_000_000


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


def refusal(url: str) -> VaultUnusable:
    with pytest.raises(VaultUnusable) as refused:
        open_vault(url)
    return refused.value


def test_a_database_that_is_not_there() -> None:
    refused = refusal(make_url(postgres()).set(database="nowhere").render_as_string(hide_password=False))
    assert (refused.code, refused.passing) == ("database-missing", False)


def test_a_server_that_is_not_there() -> None:
    refused = refusal("postgresql://somebody:secret@127.0.0.1:1/nowhere")
    assert (refused.code, refused.passing) == ("database-unreachable", True)
    assert "secret" not in str(refused)


def test_a_user_that_is_not_known() -> None:
    refused = refusal(make_url(postgres()).set(username="nobody-of-ours").render_as_string(hide_password=False))
    assert (refused.code, refused.passing) == ("database-refused", False)


@pytest.mark.parametrize("url", ["mysql://host/name", "nonsense", ""])
def test_an_address_of_something_else(url: str) -> None:
    assert refusal(url).code == "database-url"


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    refused = refusal("postgresql://somebody@127.0.0.1:1/nowhere")
    assert refused.code == "database-driver-missing"
    assert "ownstack[postgres]" in refused.hint


def test_a_vault_of_a_newer_release(url: str) -> None:
    vault = open_vault(url)
    with vault._store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE vault_alembic_version SET version_num = 'v9999'")
    vault.close()
    assert refusal(url).code == "database-newer"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_ways_to_write_its_address(url: str, scheme: str) -> None:
    vault = open_vault(f"{scheme}://{url.partition('://')[2]}", threading.Lock())
    assert vault.tokens.list("acme", 1) == []
    vault.close()


def test_a_server_that_takes_no_writes_for_now(url: str) -> None:
    vault = open_vault(url)
    with vault._store.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {make_url(url).database} SET default_transaction_read_only = on")
        connection.exec_driver_sql("DROP TABLE vault_alembic_version")
    vault.close()
    refused = refusal(url)
    assert (refused.code, refused.passing) == ("database-read-only", True)


@pytest.mark.parametrize("release", ["none", "v0001"])
def test_opening_that_fails_at_any_statement_can_be_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str
) -> None:
    """As on a full disk. What was made of the tables by then must not be in the way of the next try."""
    tried = 0
    met = True
    while met:
        tried += 1
        url = f"sqlite:///{tmp_path / f'{tried}.db'}"
        if release != "none":
            with monkeypatch.context() as patch:
                patch.setattr(command, "upgrade", lambda config, _, upgrade=command.upgrade: upgrade(config, release))
                open_vault(url).close()
        met = _fails(url, tried)
        vault = open_vault(url)
        assert vault.tokens.find(vault.tokens.add("acme", "ci", NOW).secret) is not None
        vault.close()
    assert tried > 5


def _fails(url: str, at: int) -> bool:
    """Open a vault with a disk that is full at the n-th statement. False: there are not so many."""
    statements = 0

    def before(*_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == at:
            raise sqlite3.OperationalError("database or disk is full")

    event.listen(Engine, "before_cursor_execute", before)
    try:
        open_vault(url).close()
    except (sqlite3.Error, DBAPIError):
        return True
    finally:
        event.remove(Engine, "before_cursor_execute", before)
    return False


def test_a_server_that_was_restarted_is_asked_as_before(url: str) -> None:
    vault = open_vault(url)
    secret = vault.tokens.add("acme", "ci", NOW).secret
    with away(url):
        pass
    assert vault.tokens.find(secret) is not None
    vault.close()
