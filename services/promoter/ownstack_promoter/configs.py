"""What an app is configured with, as state: sealed values, and the fingerprints that tell configs apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ownstack_contracts.apps import NO_CONFIG
from ownstack_contracts.config import ConfigEntry, ConfigValue
from ownstack_contracts.fingerprints import digest_of, fingerprint_of

Scope = Mapping[str, ConfigValue]
"""Variables by name: for all stacks of an app, for one of them, or for its review apps."""


@dataclass(frozen=True, slots=True)
class Config:
    """Of an app, at one time. Never changed: releases and rollouts keep the one that they were made with.

    shared: for all stacks. stacks: for one stack alone; such a value goes before the shared one.
    """

    shared: Scope = field(default_factory=dict)
    stacks: Mapping[str, Scope] = field(default_factory=dict)
    _of_shared: str = field(default=NO_CONFIG, compare=False)
    _of_stacks: Mapping[str, str] = field(default_factory=dict, compare=False)
    _entries: Mapping[str, ConfigEntry] = field(default_factory=dict, compare=False)
    """Of the shared values, by name: the same for each of many stacks."""

    @classmethod
    def of(cls, shared: Scope, stacks: Mapping[str, Scope]) -> Config:
        """With its fingerprints, which are asked for often."""
        own = {stack: scope for stack, scope in stacks.items() if scope}
        of_stacks = {stack: _fingerprint({**shared, **scope}) for stack, scope in own.items()}
        entries = {name: ConfigEntry(name=name, sealed=value.sealed) for name, value in sorted(shared.items())}
        return cls(shared, own, _fingerprint(shared), of_stacks, entries)

    def with_own(self, stack: str, scope: Scope) -> Config:
        """The same, once these are the variables of that stack alone."""
        if not scope:
            return self.without(stack)
        of_stack = _fingerprint({**self.shared, **scope})
        return replace(self, stacks={**self.stacks, stack: scope}, _of_stacks={**self._of_stacks, stack: of_stack})

    def on(self, stack: str) -> Scope:
        """The variables that the app has on a stack."""
        return {**self.shared, **self.stacks[stack]} if stack in self.stacks else self.shared

    def fingerprint_on(self, stack: str) -> str:
        """Stands for these variables and their values."""
        return self._of_stacks.get(stack, self._of_shared)

    @property
    def fingerprint(self) -> str:
        """Stands for the whole: it changes with every change."""
        if not self._of_stacks:
            return self._of_shared
        return digest_of([self._of_shared, sorted(self._of_stacks.items())])

    def entries(self, stack: str) -> tuple[ConfigEntry, ...]:
        """As a job on the stack carries them, by name."""
        if stack not in self.stacks:
            return tuple(self._entries.values())
        own = self.stacks[stack].items()
        of_stack = {name: ConfigEntry(name=name, sealed=value.sealed, stack=stack) for name, value in own}
        return tuple(entry for _, entry in sorted({**self._entries, **of_stack}.items()))

    def without(self, stack: str) -> Config:
        """The same for an app that is not on that stack any more."""
        if stack not in self.stacks:
            return self
        stacks = {name: scope for name, scope in self.stacks.items() if name != stack}
        of_stacks = {name: known for name, known in self._of_stacks.items() if name != stack}
        return replace(self, stacks=stacks, _of_stacks=of_stacks)


EMPTY = Config()


def _fingerprint(scope: Scope) -> str:
    return fingerprint_of({name: value.fingerprint for name, value in scope.items()})
