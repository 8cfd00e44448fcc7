"""The vault: what is kept of a token, who finds it, and what a lost or revoked one is worth."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError
from tests.real.databases import BOTH, new_database

from ownstack_vault import TokenNameTaken, Vault, ensure_first_token, open_vault

NOW = 1_800_000_000_000


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def vault(url: str) -> Iterator[Vault]:
    vault = open_vault(url, threading.Lock())
    yield vault
    vault.close()


def written(vault: Vault, folder: Path) -> bytes:
    """All that the database has written: the files of an SQLite, the rows of a PostgreSQL as it would dump them."""
    if vault._store.engine.dialect.name == "sqlite":
        return b"".join(file.read_bytes() for file in folder.iterdir())
    with vault._store.engine.connect() as connection:
        return repr(connection.execute(text("SELECT t::text FROM vault_tokens t")).all()).encode()


def test_a_new_token_is_found_by_its_secret(vault: Vault) -> None:
    issued = vault.tokens.add("acme", "ci", NOW)
    assert issued.secret.startswith("own_")
    assert len(issued.secret) == len("own_") + 43
    found = vault.tokens.find(issued.secret)
    assert found == issued.token
    assert found is not None
    assert (found.team, found.name, found.ending, found.created_at) == ("acme", "ci", issued.secret[-4:], NOW)


def test_no_byte_of_the_database_holds_the_secret(vault: Vault, tmp_path: Path) -> None:
    secret = vault.tokens.add("acme", "ci", NOW).secret
    everything = written(vault, tmp_path)
    assert b"acme" in everything
    assert secret.encode() not in everything
    assert secret.encode()[4:-4] not in everything


@pytest.mark.parametrize(
    "junk", ["", "own_", "own_" + "A" * 43, "'; DROP TABLE vault_tokens; --", "\x00", "ü", "\udcff"]
)
def test_junk_finds_nothing(vault: Vault, junk: str) -> None:
    vault.tokens.add("acme", "ci", NOW)
    assert vault.tokens.find(junk) is None


def test_an_error_tells_nothing_of_the_rows(vault: Vault) -> None:
    with vault._store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE vault_tokens")
    with pytest.raises(DBAPIError) as refused:
        vault.tokens.add("acme", "canary", NOW)
    assert "vault_tokens" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_the_hash_of_a_secret_is_no_secret_itself(vault: Vault) -> None:
    vault.tokens.add("acme", "ci", NOW)
    with vault._store.engine.connect() as stolen:
        hash_of_secret = stolen.execute(text("SELECT hash FROM vault_tokens")).scalar_one()
    assert vault.tokens.find(hash_of_secret) is None


def test_a_revoked_token_is_found_no_more_and_stays_listed(vault: Vault) -> None:
    issued = vault.tokens.add("acme", "ci", NOW)
    revoked = vault.tokens.revoke("acme", issued.token.id, NOW + 5)
    assert revoked is not None
    assert revoked.revoked_at == NOW + 5
    assert vault.tokens.find(issued.secret) is None
    assert vault.tokens.list("acme", 10) == [revoked]


def test_revoking_again_keeps_the_first_time(vault: Vault) -> None:
    issued = vault.tokens.add("acme", "ci", NOW)
    vault.tokens.revoke("acme", issued.token.id, NOW + 5)
    again = vault.tokens.revoke("acme", issued.token.id, NOW + 9)
    assert again is not None
    assert again.revoked_at == NOW + 5


def test_another_team_can_neither_see_nor_revoke_a_token(vault: Vault) -> None:
    issued = vault.tokens.add("acme", "ci", NOW)
    assert vault.tokens.list("rivals", 10) == []
    assert vault.tokens.revoke("rivals", issued.token.id, NOW) is None
    assert vault.tokens.find(issued.secret) is not None


def test_two_valid_tokens_of_a_team_never_share_a_name(vault: Vault) -> None:
    first = vault.tokens.add("acme", "ci", NOW)
    with pytest.raises(TokenNameTaken):
        vault.tokens.add("acme", "ci", NOW)
    vault.tokens.add("rivals", "ci", NOW)
    vault.tokens.revoke("acme", first.token.id, NOW)
    assert vault.tokens.add("acme", "ci", NOW).secret != first.secret


def test_tokens_are_listed_page_by_page_oldest_first(vault: Vault) -> None:
    for number in range(5):
        vault.tokens.add("acme", f"t{number}", NOW + number)
    names: list[str] = []
    after = ""
    while page := vault.tokens.list("acme", 2, after):
        names += [token.name for token in page]
        after = page[-1].id
    assert names == ["t0", "t1", "t2", "t3", "t4"]


def test_tokens_outlive_a_restart_and_migrating_twice_is_harmless(vault: Vault, url: str) -> None:
    secret = vault.tokens.add("acme", "ci", NOW).secret
    vault.close()
    again = open_vault(url)
    assert again.tokens.find(secret) is not None
    again.close()


def test_the_vault_migrates_apart_from_its_neighbours_in_the_database(vault: Vault) -> None:
    assert set(inspect(vault._store.engine).get_table_names()) == {
        "vault_tokens",
        "vault_keys",
        "vault_positions",
        "vault_alembic_version",
    }


def test_writes_are_durable_to_the_last_commit(vault: Vault) -> None:
    with vault._store.engine.connect() as connection:
        if vault._store.engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        else:
            assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


def test_a_url_cannot_make_the_writes_less_durable(url: str) -> None:
    if url.startswith("sqlite"):
        url += "?timeout=5"
    else:
        url += "?options=-c%20synchronous_commit%3Doff"
    vault = open_vault(url)
    test_writes_are_durable_to_the_last_commit(vault)
    vault.close()


def test_writes_wait_for_the_lock_that_they_share_with_other_writers(url: str) -> None:
    lock = threading.Lock()
    vault = open_vault(url, lock)
    with ThreadPoolExecutor(1) as pool:
        with lock:
            writing = pool.submit(vault.tokens.add, "acme", "ci", NOW)
            assert vault.tokens.list("acme", 10) == []
            assert not writing.done()
        assert writing.result(timeout=10).token.name == "ci"
    vault.close()


def test_of_many_that_add_a_name_at_once_one_does(url: str) -> None:
    """Each has a vault of its own, as several processes have; they also migrate at once."""

    def add(number: int) -> bool:
        vault = open_vault(url, lock)
        try:
            vault.tokens.add("acme", "ci", NOW + number)
        except TokenNameTaken:
            return False
        finally:
            vault.close()
        return True

    lock = threading.Lock() if url.startswith("sqlite") else nullcontext()
    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(add, range(6))) == [False] * 5 + [True]


def test_the_first_token_is_made_once_while_it_is_known(vault: Vault) -> None:
    secret = ensure_first_token(vault.tokens, "acme", NOW)
    assert secret is not None
    assert ensure_first_token(vault.tokens, "acme", NOW, known=secret) is None


def test_a_first_token_that_was_lost_is_replaced_and_worthless(vault: Vault) -> None:
    lost = ensure_first_token(vault.tokens, "acme", NOW)
    found = ensure_first_token(vault.tokens, "acme", NOW + 1)
    assert lost is not None
    assert found is not None
    assert vault.tokens.find(lost) is None
    assert vault.tokens.find(found) is not None
    assert [token.name for token in vault.tokens.list("acme", 10)] == ["first", "first"]


def test_a_token_of_another_house_in_the_profile_takes_nobody_elses_first_token_away(vault: Vault) -> None:
    secrets = [ensure_first_token(vault.tokens, "acme", NOW)]
    secrets += [ensure_first_token(vault.tokens, "acme", NOW + n, known="own_of-another-house") for n in (1, 2)]
    found = [vault.tokens.find(secret) for secret in secrets if secret is not None]
    assert [token.name for token in found if token is not None] == ["first", "first-2", "first-3"]


def test_a_known_token_of_another_team_is_not_enough(vault: Vault) -> None:
    theirs = vault.tokens.add("rivals", "ci", NOW).secret
    assert ensure_first_token(vault.tokens, "acme", NOW, known=theirs) is not None


def test_any_valid_token_of_the_team_will_do_instead_of_the_first(vault: Vault) -> None:
    first = ensure_first_token(vault.tokens, "acme", NOW)
    mine = vault.tokens.add("acme", "max", NOW).secret
    assert first is not None
    assert ensure_first_token(vault.tokens, "acme", NOW, known=mine) is None
    assert vault.tokens.find(first) is not None
