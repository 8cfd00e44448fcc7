"""Fingerprints of configs: what stands for variables and their values, where it is asked whether two are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from ownstack_contracts.apps import NO_CONFIG
from ownstack_contracts.envelope import canonical

DIGITS = 32
"""So many hexadecimal digits of SHA-256 are kept: 128 bits."""


def fingerprint_of(variables: Mapping[str, str]) -> str:
    """One for all variables, of the fingerprints of their values by name; NO_CONFIG if there are none."""
    if not variables:
        return NO_CONFIG
    return digest_of(sorted([name, fingerprint] for name, fingerprint in variables.items()))


def digest_of(content: object) -> str:
    """What stands for anything that is made of text and lists."""
    return hashlib.sha256(canonical(content)).hexdigest()[:DIGITS]
