"""How deployments and their attempts belong together."""

from __future__ import annotations

from sqlalchemy import and_

from ownstack_readmodel.tables import ATTEMPTS, DEPLOYMENTS

_A, _D = ATTEMPTS.c, DEPLOYMENTS.c

LATEST = and_(_A.team == _D.team, _A.rollout == _D.rollout, _A.stack == _D.stack, _A.attempt == _D.attempt)
"""Joins a deployment with its latest attempt; one that was never asked for has none."""
