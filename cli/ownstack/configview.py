"""The config of an app as people read it: which variables there are, for what, how two apps differ; never a value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from rich.text import Text

from ownstack.answers import Json
from ownstack.output import fields, listed, moment, safe, table
from ownstack.session import Session

FIRST = 8
"""So many digits of a fingerprint are enough to tell values apart by eye."""
_ON_A_LINE = 8
"""So many names are read at a glance."""


def on_stack(variables: list[Json], stack: str) -> list[Json]:
    """Those that an app has on a stack: its own, and of the others those that it has none of."""
    shared = {v["name"]: v for v in variables if v["stack"] is None and not v["review"]}
    own = {v["name"]: v for v in variables if v["stack"] == stack}
    return [variable for _, variable in sorted({**shared, **own}.items())]


def show_config(session: Session, app: str, stack: str | None, variables: list[Json]) -> None:
    """The variables of an app, as a table: all, or those that it has on a stack."""
    shown = variables if stack is None else on_stack(variables, stack)
    if not shown:
        where = "" if stack is None else f" on {stack}"
        session.output.say(f"{app} has no variables{where}. To set one: ownstack config:set {app} KEY=VALUE")
        return
    columns = ("VARIABLE", "FOR", "KIND", "FINGERPRINT", "SET BY", "SET AT")
    overriding = _overriding(variables)
    session.output.show(table(columns, [_row(variable, overriding) for variable in shown]))


def _overriding(variables: list[Json]) -> Mapping[str, list[str]]:
    """Of each variable that is for all stacks, those stacks that have a value of their own."""
    shared = {v["name"] for v in variables if v["stack"] is None and not v["review"]}
    found: dict[str, list[str]] = defaultdict(list)
    for variable in variables:
        if variable["stack"] is not None and variable["name"] in shared:
            found[variable["name"]].append(variable["stack"])
    return found


def _row(variable: Json, overriding: Mapping[str, list[str]]) -> tuple[str | None, ...]:
    kind = "secret" if variable["secret"] else "plain"
    fingerprint = str(variable["fingerprint"])[:FIRST]
    return (
        variable["name"],
        _for(variable, overriding.get(variable["name"], [])),
        kind,
        fingerprint,
        variable["actor"],
        moment(variable["at"]),
    )


def _for(variable: Json, stacks: list[str]) -> str:
    if variable["review"]:
        return "review apps"
    if variable["stack"] is None:
        return f"all stacks but {listed(stacks)}" if stacks else "all stacks"
    overrides = " (overrides that for all stacks)" if variable["stack"] in stacks else ""
    return f"{variable['stack']}{overrides}"


class Difference(NamedTuple):
    """How the configs of two apps differ: names of variables, in order."""

    only_in_a: list[str]
    only_in_b: list[str]
    differs: list[str]
    same: list[str]

    @property
    def is_none(self) -> bool:
        """Whether they are equal."""
        return not (self.only_in_a or self.only_in_b or self.differs)


def difference(a: Mapping[str, str], b: Mapping[str, str]) -> Difference:
    """Of two configs, given as fingerprints by name: equal ones are of equal values."""
    both = sorted(a.keys() & b.keys())
    return Difference(
        sorted(a.keys() - b.keys()),
        sorted(b.keys() - a.keys()),
        [name for name in both if a[name] != b[name]],
        [name for name in both if a[name] == b[name]],
    )


def show_difference(session: Session, a: str, b: str, found: Difference) -> None:
    """What differs, by name; of what is the same, how many there are."""
    if found.is_none:
        session.output.say(f"{a} and {b} have the same config: {_counted(found.same)}.")
        return
    rows = (("differs", found.differs), (f"only in {a}", found.only_in_a), (f"only in {b}", found.only_in_b))
    shown = [(what, _column(names)) for what, names in rows if names]
    session.output.show(fields([*shown, ("the same", _counted(found.same))]))


def _column(names: list[str]) -> Text:
    """A few names stand on a line, which is wrapped; many one below the other."""
    return Text((", " if len(names) <= _ON_A_LINE else "\n").join(map(safe, names)))


def _counted(names: list[str]) -> str:
    if not names:
        return "no variable"
    return "1 variable" if len(names) == 1 else f"{len(names)} variables"
