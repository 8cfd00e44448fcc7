"""The config of apps: which variables there are, and who set them when; never their values."""

from __future__ import annotations

from ownstack_readmodel.views.base import View


class VariableView(View):
    """A variable: for all stacks of its app, for `stack` alone, or (`review`) for review apps that come of it.

    secret: whether it stays where it is. fingerprint: equal ones stand for equal values. actor, at, sequence: who set
    it, when, and with which fact.
    """

    name: str
    stack: str | None
    review: bool
    secret: bool
    fingerprint: str
    actor: str | None
    at: int
    sequence: int


class ConfigView(View):
    """The variables of an app: for all its stacks, then per stack, then for review apps; each by name."""

    app: str
    app_id: str
    variables: list[VariableView]
