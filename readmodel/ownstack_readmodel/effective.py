"""Which config is in effect where: a fingerprint of it per stack, so that it takes no values to tell whether one is it.

`effective` of an app, or of a release, has one for each stack with variables of its own, and under "" the one of all
other stacks; what is not there is without variables.
"""

from __future__ import annotations

from collections.abc import Mapping

from ownstack_contracts.apps import NO_CONFIG
from ownstack_contracts.fingerprints import fingerprint_of

Effective = Mapping[str, str]
Fingerprints = Mapping[str, str]
"""Of values, by the names of the variables."""


def effective_on(effective: Effective, stack: str) -> str:
    """The fingerprint of the config that is in effect on a stack."""
    return effective.get(stack) or effective.get("", NO_CONFIG)


def effective_of(shared: Fingerprints, own: Mapping[str, Fingerprints]) -> dict[str, str]:
    """Of variables for all stacks, and of those that stacks have of their own, which go before the shared ones."""
    found = {"": fingerprint_of(shared)} if shared else {}
    return found | {stack: fingerprint_of({**shared, **own[stack]}) for stack in sorted(own)}
