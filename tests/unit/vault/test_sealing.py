"""How a value is sealed: what it is bound to, and what gives it away."""

from __future__ import annotations

import base64
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ownstack_contracts.config import Fingerprint, Sealed
from ownstack_vault import Hook, SecretKeys, SecretUnreadable, VaultUnusable, new_secret_key
from ownstack_vault.sealing import Slot, fingerprint, seal, unseal
from ownstack_vault.secretkeys import Wrapped

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
SLOT = Slot("acme", "shop.7", "DATABASE_URL", "eu-1")
VALUE = "postgres://shop:hunter2@db/shop"


def refused(sealed: str, slot: Slot = SLOT, key: bytes = KEY) -> SecretUnreadable:
    with pytest.raises(SecretUnreadable) as found:
        unseal(key, slot, sealed)
    assert VALUE not in str(found.value)
    assert found.value.hint
    return found.value


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_sealed_is_opened_and_is_as_the_contract_has_it(value: str) -> None:
    sealed = TypeAdapter(Sealed).validate_python(seal(KEY, SLOT, value))
    assert unseal(KEY, SLOT, sealed) == value
    assert TypeAdapter(Fingerprint).validate_python(fingerprint(KEY, value))


def test_the_form_is_written_down_and_stays() -> None:
    assert seal(KEY, Slot("acme", "shop.7", "A"), "x") == "v1.wLs0Hu7-XEW6buldSlyUSK_Ist5Cw23OsnpLrJU"
    assert fingerprint(KEY, "x") == "b3fb46c7f2e3cc97b59aa0d9eeb0fbc8"


def test_the_same_value_in_the_same_slot_is_sealed_the_same_and_no_other_is() -> None:
    places = [SLOT, SLOT._replace(name="OTHER"), SLOT._replace(stack=None)]
    assert seal(KEY, SLOT, VALUE) == seal(KEY, SLOT, VALUE)
    assert len({seal(key, slot, text) for key in (KEY, OTHER) for slot in places for text in (VALUE, "x")}) == 12


@pytest.mark.parametrize("bit", [0, 7])
def test_every_byte_of_a_sealed_value_that_is_flipped_is_refused(bit: int) -> None:
    blob = base64.urlsafe_b64decode(seal(KEY, SLOT, VALUE)[3:] + "==")
    for place in range(len(blob)):
        flipped = bytes(byte ^ (1 << bit if at == place else 0) for at, byte in enumerate(blob))
        text = "v1." + base64.urlsafe_b64encode(flipped).decode().rstrip("=")
        assert refused(text).code == "config-damaged"


def test_every_sign_of_a_sealed_value_that_is_another_is_refused() -> None:
    sealed = seal(KEY, SLOT, VALUE)
    for place, sign in enumerate(sealed):
        for other in ("A" if sign != "A" else "B", "=", "-" if sign != "-" else "_", " "):
            assert refused(sealed[:place] + other + sealed[place + 1 :]).code == "config-damaged"


@pytest.mark.parametrize("junk", ["", "v1.", "v1.AAAA", "v2." + "A" * 40, "v1." + "A" * 38, "v1." + "ü" * 40])
def test_what_is_no_sealed_value_is_refused(junk: str) -> None:
    assert refused(junk).code == "config-damaged"


def test_a_sealed_value_that_is_cut_or_longer_is_refused() -> None:
    sealed = seal(KEY, SLOT, VALUE)
    for text in (sealed[:-1], sealed[:-4], sealed + "A", sealed + "=", sealed + "\n", sealed * 2):
        assert refused(text).code == "config-damaged"


@pytest.mark.parametrize(
    "change",
    [
        {"team": "rival"},
        {"app_id": "shop.8"},
        {"name": "URL"},
        {"stack": "us-1"},
        {"stack": None},
        {"review": True},
    ],
)
def test_every_field_of_the_slot_that_is_another_is_refused(change: dict[str, Any]) -> None:
    assert refused(seal(KEY, SLOT, VALUE), SLOT._replace(**change)).code == "config-damaged"


def test_words_that_move_from_one_field_of_the_slot_to_another_are_refused() -> None:
    here, there = Slot("a", "b", "name", stack="c"), Slot("a", "b", "name", stack=None, review=True)
    assert refused(seal(KEY, here, VALUE), there).code == "config-damaged"
    assert refused(seal(KEY, Slot("ab", "c", "x"), VALUE), Slot("a", "bc", "x")).code == "config-damaged"


def test_another_key_opens_nothing() -> None:
    assert refused(seal(KEY, SLOT, VALUE), key=OTHER).code == "config-damaged"


def test_a_fingerprint_is_of_the_value_and_the_team_alone() -> None:
    assert fingerprint(KEY, VALUE) == fingerprint(KEY, VALUE)
    assert len({fingerprint(key, text) for key in (KEY, OTHER) for text in (VALUE, VALUE + " ")}) == 4


def test_what_is_no_text_is_refused_and_not_repeated() -> None:
    for work in (lambda: seal(KEY, SLOT, "canary\udcff"), lambda: fingerprint(KEY, "canary\udcff")):
        with pytest.raises(ValueError, match="UTF-8") as found:
            work()
        assert ("canary" in repr(found.value), found.value.__cause__) == (False, None)


@pytest.mark.parametrize("form", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_key_is_read_in_both_alphabets_with_padding_and_without(form: Any) -> None:
    key = b"\xfb\xff" * 16
    text = form(key).decode()
    secret_keys = [SecretKeys(key), SecretKeys.parse(text), SecretKeys.parse(f" {text.rstrip('=')}\n")]
    assert {given.present for given in secret_keys} == {secret_keys[0].present}


@pytest.mark.parametrize("text", ["", "canary", "A" * 42, "A" * 44, "canary!" * 6, "ü" * 43, ("A" * 43 + "=") * 2])
def test_what_is_no_secret_key_is_refused_and_not_repeated(text: str) -> None:
    for present, old in ((text, ""), (new_secret_key(), f"{new_secret_key()},{text or '?'}")):
        with pytest.raises(VaultUnusable) as found:
            SecretKeys.parse(present, old)
        assert (found.value.code, "secret new" in found.value.hint) == ("secret-key-invalid", True)
        assert "canary" not in str(found.value)


def test_what_was_wrapped_as_one_key_is_not_unwrapped_as_another() -> None:
    secret_keys = SecretKeys.parse(new_secret_key())
    wrapped = secret_keys.wrap(("data", "acme", "shop.7"), KEY)
    assert secret_keys.unwrap(("data", "acme", "shop.7"), wrapped) == KEY
    for what in (("data", "acme", "shop.8"), ("data", "rival", "shop.7"), ("team", "acme", "shop.7"), ("data", "acme")):
        with pytest.raises(SecretUnreadable) as found:
            secret_keys.unwrap(what, wrapped)
        assert found.value.code == "config-damaged"


def test_every_byte_of_a_wrapped_key_that_is_flipped_is_refused() -> None:
    secret_keys = SecretKeys.parse(new_secret_key())
    wrapped = secret_keys.wrap(("data",), KEY)
    for place in range(len(wrapped.blob)):
        blob = bytes(byte ^ (at == place) for at, byte in enumerate(wrapped.blob))
        with pytest.raises(SecretUnreadable) as found:
            secret_keys.unwrap(("data",), Wrapped(wrapped.secret_key, blob))
        assert found.value.code == "config-damaged"
    with pytest.raises(SecretUnreadable):
        secret_keys.unwrap(("data",), Wrapped(wrapped.secret_key, b""))


def test_nothing_that_holds_a_key_shows_it() -> None:
    text = new_secret_key()
    secret_keys, hook = SecretKeys.parse(text, new_secret_key()), Hook("acme", "shop", "canary")
    shown = f"{secret_keys!r} {secret_keys} {hook!r} {hook} {secret_keys.wrap(('data',), b'canary')!r}"
    assert "canary" not in shown
    assert text not in shown
    assert base64.b64decode(text).hex() not in shown
    assert repr(base64.b64decode(text))[2:-1] not in shown
    assert text not in secret_keys.present
    with pytest.raises(TypeError, match="stay"):
        secret_keys.__reduce__()
    with pytest.raises(FrozenInstanceError):
        hook.secret = ""  # type: ignore[misc]
