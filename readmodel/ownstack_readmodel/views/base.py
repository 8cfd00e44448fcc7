"""What all views are: plain data, alone or in pages."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class View(BaseModel):
    """Plain data."""

    model_config = ConfigDict(frozen=True)


class Page(View, Generic[T]):
    """A part of a list; `next`: the cursor of the next part, None at the end."""

    items: list[T]
    next: str | None = None
