"""What random sequences draw from."""

from __future__ import annotations

from hypothesis import strategies as st
from tests.unit.promoter.story import sealed

from ownstack_contracts.apps import AppCreated, AppDestroyed, AppStackAdded, AppStackRemoved
from ownstack_contracts.message import Command
from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved, StageRemoved, StagingAdded
from ownstack_contracts.stacks import StackAdded, StackRemoved

APPS = ("shop", "shop-staging", "blog")
STACKS = ("eu-1", "us-1", "ap-1")
IMAGES = tuple(f"registry.example/shop@sha256:{digit * 64}" for digit in "abc")
TAGS = ("registry.example/shop:latest", "registry.example/shop:next")
JUMPS = (1, 1, 30, 60, 16 * 60, 31 * 60, 15 * 24 * 3_600)

apps = st.sampled_from((*APPS * 3, *("shop-staging", "shop") * 3, "copy", "shop-pr-1", "shop-pr-2"))
stacks = st.sampled_from(STACKS)
DRIVERS = (
    ("noop",) * 3,
    ("program",) * 3,
    ("noop", "program", "program"),
    ("program", "noop", "noop"),
    ("dokku", "program", "noop"),
)
"""Per stack. What a program or Dokku is known to hold is looked at before it counts."""


def added(stack: str, driver: str, server: int = 1) -> StackAdded:
    """A stack on one of its servers."""
    return StackAdded(stack=stack, driver=driver, address=address(stack, driver, server))  # type: ignore[arg-type]


def address(stack: str, driver: str, server: int) -> str:
    """One of the addresses that a stack may have."""
    return {"program": f"/{stack}/{server}", "dokku": f"dokku@{stack}-{server}.example:22"}.get(
        driver, f"{stack}-{server}"
    )


some_stacks = st.lists(stacks, unique=True, max_size=3).map(tuple)
images = st.sampled_from(IMAGES)
tags = st.sampled_from(TAGS)
pick = st.integers(0, 999)
endings = st.sampled_from(("good", "good", "bad", "silent"))
scopes = st.sampled_from((None, None, None, *STACKS))
variables = st.sampled_from("ABC")
values = st.dictionaries(variables, st.sampled_from("12").map(sealed), max_size=2)
unset = st.lists(variables, unique=True, max_size=2).map(tuple)
structure: st.SearchStrategy[Command] = st.one_of(
    st.builds(added, stack=stacks, driver=st.sampled_from(("noop", "program", "dokku"))),
    st.builds(StackRemoved, stack=stacks, forget=st.booleans()),
    st.builds(AppCreated, app=apps, stacks=some_stacks),
    st.builds(AppDestroyed, app=apps),
    st.builds(AppStackAdded, app=apps, stack=stacks),
    st.builds(AppStackRemoved, app=apps, stack=stacks),
    st.builds(StagingAdded, production=apps, staging=apps, before=st.none() | apps),
    st.builds(StageRemoved, production=apps, stage=apps),
    st.builds(PipelineCreated, production=apps),
    st.builds(PipelineRemoved, production=apps),
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "release_task": st.sampled_from(("each-stack", "first-stack")),
        "postdeploy": st.sampled_from(("once-per-promotion", "once-per-app", "each-stack")),
        "waiting_deadline": st.sampled_from((60, 900)),
        "running_deadline": st.sampled_from((60, 1_800)),
        "retag": st.booleans(),
    },
)
