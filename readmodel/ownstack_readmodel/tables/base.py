"""What all tables share: their metadata, and the types of their columns."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

from ownstack_readmodel.words import Words

METADATA = MetaData()

NAME = Words(63)
ID = Words(200)
TEXT = Words()
NUMBER = BigInteger
SERIAL = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in a column of this type

JSON = {"json": True}  # marks a column whose text is JSON
