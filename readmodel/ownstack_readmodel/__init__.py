"""What is remembered for queries: tables, migrations, queries. All but the logs can be rebuilt from the history."""

from ownstack_readmodel.changes import Changes, Channel, LocalChanges, Signal
from ownstack_readmodel.engine import open_readmodel
from ownstack_readmodel.errors import CursorInvalid, DatabaseUnusable
from ownstack_readmodel.failures import passes
from ownstack_readmodel.model import ReadModel
from ownstack_readmodel.queries.config import SealedConfig, SealedVariable

__all__ = [
    "Changes",
    "Channel",
    "CursorInvalid",
    "DatabaseUnusable",
    "LocalChanges",
    "ReadModel",
    "SealedConfig",
    "SealedVariable",
    "Signal",
    "open_readmodel",
    "passes",
]
