"""The base of all messages: frozen, strict, nothing unknown; and the field types they share."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Strict

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Strict(False)]
"""Several, in order: a JSON array, read as a tuple."""


class Message(BaseModel):
    """Something said on the bus. Its type is its class's name; its version grows when its fields change meaning."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    version: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents `type`."""
        return cls.__name__


class Command(Message):
    """A proposed fact: admitted, it stands in the history under the same type; else `CommandRejected` does."""


class Report(Message):
    """What a deployer, or the clock of the partition's owner, tells the promoter."""


class Fact(Message):
    """What happened: a consequence that only the promoter writes."""
