"""A vault that can't be opened says why, with a code, and whether it is worth trying again."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url
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


def test_a_server_that_was_restarted_is_asked_as_before(url: str) -> None:
    vault = open_vault(url)
    secret = vault.tokens.add("acme", "ci", NOW).secret
    with away(url):
        pass
    assert vault.tokens.find(secret) is not None
    vault.close()
