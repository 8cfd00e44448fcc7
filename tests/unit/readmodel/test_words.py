"""What is written is what is read, on both databases: whatever characters a text has, however long it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from ownstack_readmodel import ReadModel
from ownstack_readmodel.tables import COMMANDS, LOG_LINES, STACKS
from ownstack_readmodel.words import escaped, unescaped

TRICKY = ["", "\0", "a\0b", "\uffff", "\uffff0", "\uffff1\0", "\0" * 3, "\\0", "\\u0000", "ü€😀", "\ufeff", "'; --"]


@given(text=st.text(st.sampled_from("\0\uffff01\\ab😀")))
def test_what_is_escaped_has_no_nul_and_comes_back(text: str) -> None:
    assert "\0" not in escaped(text)
    assert unescaped(escaped(text)) == text


@pytest.mark.parametrize("text", [*TRICKY, "x" * 3_000])
def test_a_text_comes_back_as_it_was(readmodel: ReadModel, text: str) -> None:
    row = {"team": "acme", "type": text, "actor": text, "at": 1, "status": "rejected", "sequence": 1, "message": text}
    with readmodel.writing() as connection:
        connection.execute(COMMANDS.insert().values(command=f"id {text[:50]}", **row))
    with readmodel.reading() as connection:
        found = connection.execute(select(COMMANDS).where(COMMANDS.c.actor == text)).one()
    assert (found.command, found.type, found.actor, found.message) == (f"id {text[:50]}", text, text, text)


def test_a_line_of_a_log_may_have_any_character(readmodel: ReadModel) -> None:
    about = {"team": "acme", "app": "shop", "stack": "eu-1", "deployment": "p", "job": "p", "run": "r", "phase": "x"}
    with readmodel.writing() as connection:
        for number, text in enumerate(TRICKY):
            connection.execute(LOG_LINES.insert().values(**about, number=number, at=1, text=text))
    with readmodel.reading() as connection:
        found = connection.scalars(select(LOG_LINES.c.text).order_by(LOG_LINES.c.cursor)).all()
    assert found == TRICKY


@pytest.mark.parametrize("name", ["shop\0", "\0", "\uffff"])
async def test_a_name_that_nothing_has_finds_nothing(readmodel: ReadModel, name: str) -> None:
    assert await readmodel.app("acme", name) is None
    assert await readmodel.command(name, name) is None
    assert (await readmodel.rollouts("acme", app=name, status=name)).items == []


async def test_names_are_in_the_order_of_their_bytes(readmodel: ReadModel) -> None:
    names = ["B", "a", "a-b", "a.b", "a1", "ab", "b", "é"]
    with readmodel.writing() as connection:
        for name in reversed(names):
            row = {"driver": "noop", "address": "", "settings": "{}", "added_at": 1}
            connection.execute(STACKS.insert().values(team="acme", stack=name, **row))
    assert [stack.name for stack in (await readmodel.stacks("acme")).items] == names
