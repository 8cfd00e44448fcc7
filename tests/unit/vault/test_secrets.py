"""Secrets: which keys there are, who makes them, and what opens once they are replaced, damaged or gone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from tests.real.postgres import away, database
from tests.unit.vault.conftest import Opening

from ownstack_contracts.config import ConfigEntry
from ownstack_vault import (
    SecretKeys,
    SecretUnreadable,
    Slot,
    Unsealing,
    Vault,
    VaultUnusable,
    new_secret_key,
    open_vault,
)
from ownstack_vault import keys as rows
from ownstack_vault.keys import KeyName

NOW = 1_800_000_000_000
SLOT = Slot("acme", "shop.7", "DATABASE_URL")
VALUE = "canary-5417"


def sealed_in(vault: Vault, slot: Slot = SLOT, value: str = VALUE) -> str:
    return vault.secrets.seal({slot: value}, NOW)[slot].sealed


def opened_in(vault: Vault, sealed: str, slot: Slot = SLOT) -> str:
    return vault.secrets.unseal({slot: sealed})[slot]


def refusal(vault: Vault, sealed: str, slot: Slot = SLOT) -> str:
    with pytest.raises(SecretUnreadable) as found:
        opened_in(vault, sealed, slot)
    assert VALUE not in str(found.value)
    assert found.value.hint
    return found.value.code


def everything(vault: Vault) -> bytes:
    with vault._store.engine.connect() as connection:
        return repr(connection.execute(text("SELECT * FROM vault_keys")).all()).encode()


def destroy(vault: Vault, app_id: str = "shop.7", team: str = "acme") -> None:
    with vault._store.writing() as connection:
        rows.destroy(connection, KeyName("data", team, app_id), NOW)


def test_values_of_several_places_are_sealed_and_opened_at_once(vault: Vault) -> None:
    values = {
        SLOT: VALUE,
        SLOT._replace(stack="eu-1"): "another",
        SLOT._replace(review=True): "",
        Slot("acme", "blog.9", "X"): "ü\n\0",
        Slot("rival", "shop.7", "X"): VALUE,
    }
    sealed = vault.secrets.seal(values, NOW)
    assert vault.secrets.unseal({slot: found.sealed for slot, found in sealed.items()}) == values


def test_another_process_opens_what_was_sealed_here_and_seals_the_same(opening: Opening) -> None:
    here, there = opening(), opening()
    assert opened_in(there, sealed_in(here)) == VALUE
    assert there.secrets.seal({SLOT: VALUE}, NOW + 5) == here.secrets.seal({SLOT: VALUE}, NOW)


def test_fingerprints_are_alike_within_a_team_whatever_app_and_differ_between_teams(vault: Vault) -> None:
    slots = [SLOT, Slot("acme", "blog.9", "URL", "eu-1"), Slot("rival", "shop.7", "DATABASE_URL")]
    found = vault.secrets.seal(dict.fromkeys(slots, VALUE), NOW)
    mine, also_mine, theirs = (found[slot].fingerprint for slot in slots)
    assert mine == also_mine != theirs


def test_each_creation_of_an_app_has_a_key_of_its_own(vault: Vault) -> None:
    sealed = sealed_in(vault)
    sealed_in(vault, Slot("acme", "shop.8", "X"))
    assert refusal(vault, sealed, SLOT._replace(app_id="shop.8")) == "config-damaged"
    with vault._store.reading() as connection:
        names = [KeyName("data", "acme", "shop.7"), KeyName("data", "acme", "shop.8")]
        first, second = rows.found(connection, names).values()
    assert first != second


def test_the_database_holds_neither_values_nor_keys(vault: Vault, secret_key: str) -> None:
    sealed_in(vault)
    vault.hooks.put("acme", "shop", NOW, "hook-canary")
    names = [KeyName("data", "acme", "shop.7"), KeyName("team", "acme")]
    with vault._store.reading() as connection:
        plain = vault.secrets._opened(rows.found(connection, names))
    assert len(plain) == 2
    dumped = everything(vault)
    for secret in (VALUE.encode(), b"hook-canary", SecretKeys.parse(secret_key)._by_id.popitem()[1], *plain.values()):
        assert secret not in dumped
        assert repr(secret)[2:-1].encode() not in dumped


def test_a_value_without_a_key_is_not_opened(vault: Vault) -> None:
    sealed = sealed_in(vault)
    assert refusal(vault, sealed, SLOT._replace(app_id="shop.8")) == "config-key-missing"
    assert refusal(vault, sealed, SLOT._replace(team="rival")) == "config-key-missing"


def test_a_destroyed_key_opens_nothing_seals_nothing_and_is_not_made_again(opening: Opening) -> None:
    vault = opening()
    sealed, other = sealed_in(vault), sealed_in(vault, Slot("acme", "blog.9", "X"))
    destroy(opening())
    assert refusal(vault, sealed) == "config-erased"
    with pytest.raises(SecretUnreadable) as found:
        sealed_in(vault)
    assert found.value.code == "config-erased"
    assert opened_in(vault, other, Slot("acme", "blog.9", "X")) == VALUE


def test_a_key_that_was_never_made_is_not_made_once_it_is_destroyed(vault: Vault) -> None:
    destroy(vault)
    with pytest.raises(SecretUnreadable) as found:
        sealed_in(vault)
    assert found.value.code == "config-erased"


def test_the_key_of_another_team_with_an_app_of_the_same_id_stays(vault: Vault) -> None:
    theirs = SLOT._replace(team="rival")
    sealed = sealed_in(vault, theirs)
    destroy(vault)
    assert opened_in(vault, sealed, theirs) == VALUE


def test_a_key_that_was_altered_in_the_database_is_refused(vault: Vault) -> None:
    sealed = sealed_in(vault)
    sealed_in(vault, SLOT._replace(app_id="shop.8"))
    with vault._store.engine.begin() as connection:
        swapped = "UPDATE vault_keys SET wrapped = (SELECT wrapped FROM vault_keys WHERE name = 'shop.8')"
        connection.execute(text(f"{swapped} WHERE name = 'shop.7'"))
    assert refusal(vault, sealed) == "config-damaged"


def test_of_many_that_make_the_same_key_at_once_all_get_one(opening: Opening) -> None:
    vaults = [opening() for _ in range(6)]
    together = threading.Barrier(len(vaults))

    def seal(vault: Vault) -> str:
        together.wait()
        return sealed_in(vault)

    with ThreadPoolExecutor(len(vaults)) as pool:
        assert len(set(pool.map(seal, vaults))) == 1


def test_after_a_rotation_the_old_key_can_go(opening: Opening, secret_key: str) -> None:
    fresh = new_secret_key()
    before = opening()
    sealed, secret = sealed_in(before), before.hooks.put("acme", "shop", NOW)
    rotating = opening(fresh, secret_key)
    assert opened_in(rotating, sealed) == VALUE
    newer = sealed_in(rotating, Slot("acme", "blog.9", "X"))
    assert rotating.secrets.rewrap() == 3  # what was made since has the new one already
    assert rotating.secrets.rewrap() == 0
    after = opening(fresh)
    assert opened_in(after, sealed) == VALUE
    assert opened_in(after, newer, Slot("acme", "blog.9", "X")) == VALUE
    assert [hook.secret for hook in after.hooks.find()] == [secret]
    assert sealed_in(after) == sealed
    assert refusal(before, sealed) == "secret-key-wrong"


def test_a_rotation_that_fails_half_way_has_changed_nothing(opening: Opening, secret_key: str) -> None:
    before = opening()
    slots = [Slot("acme", f"shop.{number}", "X") for number in range(5)]
    sealed = {slot: sealed_in(before, slot) for slot in slots}
    with before._store.engine.begin() as connection:
        connection.execute(text("UPDATE vault_keys SET secret_key = 'unknown' WHERE name = 'shop.3'"))
    halfway = Vault(before._store, SecretKeys.parse(new_secret_key(), secret_key))
    dumped = everything(before)
    with pytest.raises(SecretUnreadable) as found:
        halfway.secrets.rewrap()
    assert found.value.code == "secret-key-wrong"
    assert everything(before) == dumped
    assert opened_in(before, sealed[slots[0]], slots[0]) == VALUE


def test_a_rotation_brings_no_destroyed_key_back(opening: Opening, secret_key: str) -> None:
    before = opening()
    sealed = sealed_in(before)
    destroy(before)
    after = opening(new_secret_key(), secret_key)
    assert after.secrets.rewrap() == 1  # that of the team
    assert refusal(after, sealed) == "config-erased"


def test_a_key_that_is_destroyed_while_all_are_rewrapped_stays_destroyed(vault: Vault) -> None:
    sealed = sealed_in(vault)
    name = KeyName("data", "acme", "shop.7")
    with vault._store.reading() as connection:
        wrapped = rows.found(connection, [name])[name]
    assert wrapped is not None
    destroy(vault)
    with vault._store.writing() as connection:
        assert rows.rewrap(connection, rows.Kept(name, wrapped), wrapped) == 0
    assert refusal(vault, sealed) == "config-erased"


def test_a_vault_of_another_secret_key_is_not_opened_and_what_to_do_is_said(opening: Opening, database: str) -> None:
    sealed_in(opening())
    other = new_secret_key()
    with pytest.raises(VaultUnusable) as found:
        open_vault(database, None, SecretKeys.parse(other))
    assert (found.value.code, found.value.passing) == ("secret-key-wrong", False)
    assert "OWNSTACK_SECRET_KEY_OLD" in found.value.hint
    assert other not in str(found.value)


def test_nothing_is_made_beside_keys_of_another_secret_key(opening: Opening) -> None:
    early = opening(new_secret_key())
    sealed_in(opening())
    for work in (lambda: sealed_in(early, Slot("rival", "x.1", "X")), lambda: early.hooks.put("rival", "x", NOW)):
        with pytest.raises(SecretUnreadable) as found:
            work()
        assert found.value.code == "secret-key-wrong"


def test_keys_of_a_lost_secret_key_can_be_forgotten(opening: Opening, database: str) -> None:
    lost = opening()
    sealed = sealed_in(lost)
    gone = Slot("acme", "gone.1", "X")
    sealed_in(lost, gone)
    destroy(lost, "gone.1")
    secret_keys = SecretKeys.parse(new_secret_key())
    bare = open_vault(database)
    assert (bare.forget_lost(secret_keys), bare.forget_lost(secret_keys)) == (2, 0)
    bare.close()
    found = open_vault(database, None, secret_keys)
    assert refusal(found, sealed) == "config-key-missing"
    assert opened_in(found, sealed_in(found)) == VALUE
    assert refusal(found, sealed, gone) == "config-erased"
    found.close()


def test_without_a_secret_key_tokens_work_and_secrets_say_what_is_missing(database: str) -> None:
    vault = open_vault(database)
    assert vault.tokens.find(vault.tokens.add("acme", "ci", NOW).secret) is not None
    for part in ("secrets", "hooks"):
        with pytest.raises(VaultUnusable) as found:
            getattr(vault, part)
        assert found.value.code == "secret-key-missing"
        assert "ownstack secret new" in found.value.hint
    vault.close()


def test_a_deployer_opens_the_entries_of_its_job_and_no_others(vault: Vault) -> None:
    slots = [SLOT, Slot("acme", "shop.7", "COLOUR", "eu-1")]
    sealed = [ConfigEntry(name=slot.name, sealed=sealed_in(vault, slot), stack=slot.stack) for slot in slots]
    unsealing = Unsealing(vault.secrets)
    assert unsealing.unseal("acme", "shop.7", sealed) == {"DATABASE_URL": VALUE, "COLOUR": VALUE}
    assert unsealing.unseal("acme", "none.1", []) == {}
    for team, app_id in (("rival", "shop.7"), ("acme", "shop.8")):
        with pytest.raises(SecretUnreadable) as found:
            unsealing.unseal(team, app_id, sealed)
        assert (found.value.code, found.value.passing) == ("config-key-missing", False)


def test_a_deployer_whose_database_is_away_is_told_that_it_may_pass() -> None:
    with database() as url:
        vault = open_vault(url, None, SecretKeys.parse(new_secret_key()))
        entry = ConfigEntry(name="DATABASE_URL", sealed=sealed_in(vault))
        with away(url), pytest.raises(SecretUnreadable) as found:
            Unsealing(vault.secrets).unseal("acme", "shop.7", [entry])
        assert (found.value.code, found.value.passing) == ("vault-unavailable", True)
        assert Unsealing(vault.secrets).unseal("acme", "shop.7", [entry]) == {"DATABASE_URL": VALUE}
        vault.close()


def test_the_secret_of_a_webhook_is_made_found_and_replaced(vault: Vault) -> None:
    first = vault.hooks.put("acme", "shop", NOW)
    assert len(first) == 43
    assert vault.hooks.put("acme", "blog", NOW, "mine ü") == "mine ü"
    vault.hooks.put("rival", "shop", NOW)
    assert [(hook.production, hook.secret) for hook in vault.hooks.find("acme")] == [
        ("blog", "mine ü"),
        ("shop", first),
    ]
    assert [hook.team for hook in vault.hooks.find()] == ["acme", "acme", "rival"]
    assert [hook.team for hook in vault.hooks.find(production="shop")] == ["acme", "rival"]
    second = vault.hooks.put("acme", "shop", NOW + 1)
    assert [hook.secret for hook in vault.hooks.find("acme", "shop")] == [second] != [first]
    assert (vault.hooks.has("acme", "shop"), vault.hooks.has("rival", "blog")) == (True, False)
    assert vault.hooks.find("rival", "blog") == []
