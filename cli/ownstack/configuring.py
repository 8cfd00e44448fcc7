"""Changes the config of apps: sends what changes, and follows what is released with it, or says why nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ownstack.answers import Json
from ownstack.output import listed
from ownstack.paths import segment
from ownstack.sending import How, must, send, succeeded, watch_rollout
from ownstack.session import Session

OUTDATED = "outdated"
"""Why nothing is released, though something should be: the release that was to bring it has ended, and did not."""


class Scope(NamedTuple):
    """Whose variables: for all stacks of an app, for `stack` alone, or (`review`) for what is cloned of it."""

    stack: str | None = None
    review: bool = False

    def must_be_one(self) -> None:
        """Raises a usage Failure if it is two."""
        hint = "Review apps are on no stack of the app."
        must(self.stack is None or not self.review, "Give either --stack or --review.", hint)

    @property
    def words(self) -> str:
        """For people."""
        if self.review:
            return "for its review apps"
        return f"on {self.stack} alone" if self.stack is not None else "for all its stacks"

    def body(self) -> Json:
        """As the API wants it."""
        given = {"stack": self.stack, "review": self.review or None}
        return {name: value for name, value in given.items() if value is not None}


class Wish(NamedTuple):
    """What is to change. values: None is unset. plain: they are no secrets. prune: all others of the scope are unset.
    deploy: what runs is released with it."""

    values: Mapping[str, str | None]
    scope: Scope
    plain: bool = False
    prune: bool = False
    deploy: bool = True

    @property
    def unset(self) -> frozenset[str]:
        """The names of those that are unset, apart from pruning."""
        return frozenset(name for name, value in self.values.items() if value is None)

    def body(self) -> Json:
        """As the API wants it."""
        flags = {"secret": not self.plain, "deploy": self.deploy} | ({"prune": True} if self.prune else {})
        return {"values": dict(self.values), **flags, **self.scope.body()}


def change(session: Session, how: How, app: str, wish: Wish, sentence: str) -> Json:
    """Change the config of an app, say `sentence`, and wait for what comes of it.

    Returns what is printed for programs: `command`, the `rollout` as it ended, and if it opened none, as `kept`, why.
    Of "queued", `queued` is the release that was there before and has it, and `rollout` how that one ended. `unset`:
    what is gone; None: nobody waited until it was known.
    """
    pruning = wish.prune and how.wait
    before = _names(session, app, wish.scope) if pruning else frozenset[str]()
    command = send(session, how, "PATCH", f"/apps/{segment(app)}/config", wish.body())
    outcome: Json = {"app": app, "command": command, "rollout": None, "kept": None, "queued": None, "unset": None}
    if not how.wait:
        session.output.say(f"Sent: {command['type']} {command['id']}")
        return outcome
    session.output.say(sentence)
    gone = before - _names(session, app, wish.scope) if pruning else wish.unset
    if pruning:
        session.output.say(f"Unset: {', '.join(sorted(gone)) or 'nothing'}.")
    outcome["unset"] = sorted(gone)
    if command["rollout"] is not None:
        return outcome | {"rollout": watch_rollout(session, command, app)}
    kept = _why_kept(session, app, wish)
    session.output.say(kept.why)
    outcome |= {"kept": kept.code, "queued": kept.queued}
    if kept.queued is None:
        return outcome
    return outcome | {"rollout": watch_rollout(session, {**command, "rollout": kept.queued}, app)}


def _names(session: Session, app: str, scope: Scope) -> frozenset[str]:
    """The variables that the app has in a scope."""
    variables = session.client.get(f"/apps/{segment(app)}/config")["variables"]
    return frozenset(v["name"] for v in variables if (v["stack"], bool(v["review"])) == (scope.stack, scope.review))


def came_about(outcome: Json) -> bool:
    """Whether what was asked for is where it was to go: a change that is released, on every stack."""
    if outcome["rollout"] is not None:
        return succeeded(outcome["rollout"])
    return bool(outcome["kept"] != OUTDATED)


class _Kept(NamedTuple):
    """Why nothing was released, as a code and as a sentence. queued: the id of the release that has it, if one has."""

    code: str
    why: str
    queued: str | None = None


def _why_kept(session: Session, app: str, wish: Wish) -> _Kept:
    if wish.scope.review:
        return _Kept("review", f"What is cloned of {app} from now on has it.")
    if not wish.deploy:
        return _Kept("no-deploy", f"The next release of {app} has it.")
    view = session.client.get(f"/apps/{segment(app)}")
    running = [s for s in view["stacks"] if s["status"] == "live" and wish.scope.stack in (None, s["stack"])]
    outdated = [stack["stack"] for stack in running if stack["config_outdated"]]
    if not running:
        return _Kept("nothing-runs", f"Nothing of {app} runs there yet: its first deployment has it.")
    if not outdated:
        return _Kept("same", f"{app} runs with these values already: nothing is released.")
    if (found := _release_with_it(session, view, set(outdated))) is not None:
        doing = "is under way" if found == view["rollout"] else "waits for its turn"
        return _Kept("queued", f"The release of {app} that {doing} has it.", found)
    return _Kept(OUTDATED, f"{listed(outdated)} still runs with the config from before: ownstack app info {app}")


def _release_with_it(session: Session, app: Json, stacks: set[str]) -> str | None:
    """The release that brings the present config to these stacks of an app; None: there is none.

    As the promoter has it, that is a deployment that waits and goes to all of them; else the one under way, which has
    begun since, or had the same values from the first.
    """
    for name in filter(None, (*app["queue"], app["rollout"])):
        release = session.client.get(f"/rollouts/{segment(name)}")
        goes_to = {stack["stack"] for stack in release["stacks"]}
        if stacks & goes_to if name == app["rollout"] else release["kind"] == "deploy" and stacks <= goes_to:
            return str(name)
    return None


def told(verb: str, names: Sequence[str], app: str, scope: Scope) -> str:
    """What was done: "shop: GREETING and COLOUR set for all its stacks." """
    return f"{app}: {listed(names)} {verb} {scope.words}."
