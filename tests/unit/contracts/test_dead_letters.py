"""Dead letters: kept as they came, cut to a bound, with all that a person needs to find out what they were."""

from __future__ import annotations

import hashlib

import pytest

from ownstack_contracts.dead_letters import KEPT_BYTES, RawRecord, dead_letter


def test_a_dead_letter_says_why_where_from_and_what_it_was() -> None:
    record = RawRecord("ownstack.commands", 3, 17, 1_767_268_800_123, "acme", b"{broken")

    letter = dead_letter(record, "not-json", "The record is not JSON: unexpected end \u2013 at 7.")

    assert letter.key == "acme"
    assert letter.value == b"{broken"
    assert letter.headers == (
        ("reason-code", b"not-json"),
        ("reason", "The record is not JSON: unexpected end \u2013 at 7.".encode()),
        ("origin-topic", b"ownstack.commands"),
        ("origin-partition", b"3"),
        ("origin-offset", b"17"),
        ("origin-timestamp", b"1767268800123"),
        ("sha256", hashlib.sha256(b"{broken").hexdigest().encode()),
        ("length", b"7"),
    )


def test_a_large_record_is_cut_but_its_length_and_hash_are_of_the_whole() -> None:
    value = b"\xff" * (KEPT_BYTES + 1)

    letter = dead_letter(RawRecord("ownstack.reports", 0, 0, 0, "acme", value), "too-large", "Too large.")

    assert letter.value == value[:KEPT_BYTES]
    headers = dict(letter.headers)
    assert headers["length"] == str(KEPT_BYTES + 1).encode()
    assert headers["sha256"] == hashlib.sha256(value).hexdigest().encode()


def test_a_reason_that_is_no_valid_text_is_kept_as_far_as_it_goes() -> None:
    letter = dead_letter(RawRecord("ownstack.reports", 0, 0, 0, "", b""), "internal-error", "lone \ud800 surrogate")

    assert dict(letter.headers)["reason"] == b"lone ? surrogate"


@pytest.mark.parametrize(
    "value", [b'{"type":"Config\\u0053et","data":{"k":"s3cret"}}', b'{"type":"ConfigSet","k":"s3cret"']
)
def test_of_a_command_that_holds_secrets_only_the_hash_is_kept(value: bytes) -> None:
    letter = dead_letter(RawRecord("ownstack.commands", 0, 0, 0, "acme", value), "unknown-type", "It is no message.")

    assert letter.value == b""
    assert dict(letter.headers)["sha256"] == hashlib.sha256(value).hexdigest().encode()
    assert dict(letter.headers)["length"] == str(len(value)).encode()


def test_what_only_speaks_of_secrets_is_kept() -> None:
    value = b'{"type":"AppCreated","data":{"app":"ConfigSet"}}'
    assert dead_letter(RawRecord("ownstack.commands", 0, 0, 0, "acme", value), "invalid-data", "No.").value == value


@pytest.mark.parametrize(
    "value",
    [
        b'{"app":"shop","values":{"k":"s3cret"}}',
        b'[{"type":"ConfigSet","data":{"values":{"k":"s3cret"}}}]',
        b'{"data":{"app":"shop","values":{"k":"s3cret"}}}',
        b'{"type":"SetConfig","data":{"values":{"k":"s3cret"}}}',
        '{"type":"ConfigSet","data":{"k":"s3cret"}}'.encode("utf-16"),
        b'"{\\"type\\":\\"ConfigSet\\",\\"data\\":{\\"values\\":{}}}"',
        b'{"type":"ConfigSet","type":"AppCreated","data":{"values":{"k":"s3cret"}}}',
    ],
)
def test_of_what_may_hold_values_in_another_form_only_the_hash_is_kept(value: bytes) -> None:
    assert dead_letter(RawRecord("ownstack.commands", 0, 0, 0, "acme", value), "invalid-envelope", "No.").value == b""


def test_what_was_printed_is_kept_whatever_it_speaks_of() -> None:
    value = b'{"lines":["values of ConfigSet"'
    assert dead_letter(RawRecord("ownstack.logs", 0, 0, 0, "acme", value), "not-json", "No.").value == value
