"""Sends commands, and waits for what they bring about: on the stacks, where they have work to do."""

from __future__ import annotations

from typing import NamedTuple

from ownstack.answers import Json
from ownstack.exits import Exit, Failure, Silent
from ownstack.output import fields, listed, moment, span
from ownstack.progress import LOOKING, REMOVING, STATES, Row, of_jobs, of_rollout, source_of
from ownstack.session import Session
from ownstack.watching import watch


class How(NamedTuple):
    """How a command is sent. `key`: its id, None: a new one. `wait`: until its end."""

    key: str | None
    wait: bool


def send(session: Session, how: How, method: str, path: str, body: Json | None = None, **query: object) -> Json:
    """Send a command; returns its view: admitted, or with `wait` False perhaps only accepted. Raises Failure."""
    return session.client.command(method, path, body, key=how.key, wait=how.wait, **query)


def tell(session: Session, how: How, view: Json, sentence: str) -> None:
    """Say that a command was admitted, or, if nobody waited, that it was sent."""
    if how.wait:
        session.output.say(sentence)
    else:
        session.output.say(f"Sent: {view['type']} {view['id']}")
    session.output.document(view)


def follow_rollout(session: Session, how: How, view: Json, app: str) -> None:
    """Watch the rollout that a command opened to its end. Raises Silent, FAILED, unless it succeeded everywhere."""
    if not how.wait:
        tell(session, how, view, "")
        return
    ended = watch_rollout(session, view, app)
    session.output.document(ended)
    must_have_succeeded(ended)


def watch_rollout(session: Session, view: Json, app: str) -> Json:
    """Watch the rollout that a command opened until it ends, and say how. Returns it."""
    rollout = session.client.get(f"/rollouts/{view['rollout'] or view['id']}")
    kind = "promotion info " + rollout["id"] if rollout["kind"] == "promotion" else f"app info {app}"
    progress = of_rollout(rollout)
    ended: Json = {}

    def settled() -> list[Row]:
        ended.update(session.client.get(f"/rollouts/{rollout['id']}"))
        return progress.settle(ended)

    watch(session, progress, view["sequence"], f"ownstack {kind}", settled)
    show_end(session, ended)
    return ended


def succeeded(rollout: Json) -> bool:
    """Whether a rollout that has ended did so well, on every stack."""
    return bool(rollout["status"] == "succeeded")


def must_have_succeeded(rollout: Json) -> None:
    """Raises Silent, FAILED, unless a rollout that has ended did so on every stack."""
    if not succeeded(rollout):
        raise Silent(Exit.FAILED)


def show_end(session: Session, rollout: Json) -> None:
    """Say how a rollout ended, and what can be done about it."""
    took = span(rollout["started_at"], rollout["ended_at"])
    status = rollout["status"].replace("-", " ")
    session.output.say(f"{status}{f' in {took}' if took else ''}" + _because(rollout))
    if (tagged := tag_of(rollout)) is not None:
        session.output.say(tagged)
    if rollout["kind"] == "promotion":
        session.output.note(f"promotion {rollout['id']}")
    if rollout["kind"] == "promotion" and rollout["status"] == "failed" and rollout["release"] is None:
        session.output.note(f"what runs there now: ownstack app look {rollout['source']}")
    failed = [s["stack"] for s in rollout["stacks"] if s["state"] in ("failed", "expired")]
    if len(failed) == 1:
        session.output.note(f"try again: ownstack retry {rollout['app']} --stack {failed[0]}")
    elif failed:
        session.output.note(f"try again on {listed(failed)}, one by one: ownstack retry {rollout['app']} --stack STACK")
    if any(p["state"] in ("failed", "unknown") for p in rollout["postdeploys"]):
        session.output.note(f"try again: ownstack retry {rollout['app']} --postdeploy")


def tag_of(rollout: Json) -> str | None:
    """What became of the tag that the image of a promotion was to get; None: it was to get none, or nobody has said."""
    retag = rollout.get("retag")
    if retag is None or (retag["image"] is None and retag["code"] is None):
        return None
    if retag["image"] is not None:
        return f"tagged {str(retag['image']).partition('@')[0]}"
    return f"not tagged {retag['tag']}: {retag['message']}"


def _because(rollout: Json) -> str:
    return f": {rollout['message']}" if rollout.get("message") else ""


def follow_looks(session: Session, view: Json, sentence: str) -> bool:
    """Say what an admitted command does, and watch the looks at what is live that it asked for: whether all saw it."""
    jobs = [(f["stack"], f["job"]) for f in consequences(session, view, "StackLookRequested")]
    if not jobs:
        session.output.say(f"{sentence}: on no stack")
        return True
    progress = of_jobs(sentence, jobs, LOOKING)
    watch(session, progress, view["sequence"], "ownstack history --follow")
    return all(row.state == "succeeded" for row in progress.rows.values())


def follow_jobs(session: Session, how: How, view: Json, sentence: str, *, removing: bool = False) -> None:
    """Say that a command was admitted, and watch what its stacks were asked to do: to look, or to remove."""
    if not how.wait:
        tell(session, how, view, sentence)
        return
    done = watch_jobs(session, view, sentence, removing=removing)
    session.output.document(view)
    if removing and not done:
        session.output.note("It is gone here, but may still run where it could not be removed.")
        raise Silent(Exit.FAILED)


def watch_jobs(session: Session, view: Json, sentence: str, *, removing: bool = False) -> bool:
    """Say what an admitted command does, and watch what its stacks were asked to do; whether all of them did it."""
    wanted = "StackAppRemovalRequested" if removing else "StackLookRequested"
    jobs = [(f["stack"], f["job"]) for f in consequences(session, view, wanted)]
    if not jobs:
        session.output.say(sentence)
        return True
    progress = of_jobs(sentence, jobs, REMOVING if removing else LOOKING)
    watch(session, progress, view["sequence"], "ownstack history --follow")
    return not any(row.state == "failed" for row in progress.rows.values())


def follow_retry(session: Session, how: How, view: Json, app: str) -> None:
    """Watch the new attempts that a retry asked for. Raises Silent: FAILED unless each succeeded."""
    if not how.wait:
        tell(session, how, view, "")
        return
    asked = list(consequences(session, view, "StackDeployRequested", "PostdeployRequested"))
    progress = of_jobs(f"{app}: another attempt", [(f["stack"], f["job"]) for f in asked], STATES)
    watch(session, progress, view["sequence"], f"ownstack app info {app}")
    ended = [session.client.get(f"/deployments/{f['deployment']}") for f in asked]
    session.output.document(ended)
    for deployment in ended:
        is_told = not session.output.live and _is_told(progress.rows[deployment["stack"]], deployment)
        session.output.say(f"{deployment['stack']} {deployment['state']}" + ("" if is_told else _because(deployment)))
    if not all(row.state == "succeeded" for row in progress.rows.values()):
        raise Silent(Exit.FAILED)


def _is_told(row: Row, deployment: Json) -> bool:
    """Whether its last line says why a deployment ended so; where rows are redrawn, what is long is cut off."""
    return bool(deployment.get("message")) and deployment["message"] in (row.message or "")


def consequences(session: Session, view: Json, *types: str) -> list[Json]:
    """The data of the facts of these types that came of an admitted command, in the same decision."""
    first, found, after = None, list[Json](), view["sequence"] - 1
    while True:
        facts = session.client.get("/history", after=after, limit=200)["items"]
        for fact in facts:
            event = fact["event"]
            first = first or event["input"]
            if event["input"] != first:
                return found
            if event["type"] in types:
                found.append(event["data"])
        if len(facts) < 200:
            return found
        after = facts[-1]["sequence"]


def show_rollout(session: Session, rollout: Json) -> None:
    """A rollout with its stacks, as a page."""
    output = session.output
    output.show(
        fields(
            [
                (rollout["kind"], rollout["id"]),
                ("app", rollout["app"]),
                ("release", None if rollout["release"] is None else f"v{rollout['release']}"),
                ("image", rollout["image"]),
                ("tag", tag_of(rollout)),
                ("from", source_of(rollout) if rollout["source"] else None),
                ("status", rollout["status"] + _because(rollout)),
                ("by", rollout["requester"]),
                ("requested", moment(rollout["requested_at"])),
                ("ended", moment(rollout["ended_at"])),
            ]
        )
    )


def release_number(text: str, option: str) -> int:
    """The number in `v12` or `12`. Raises a usage Failure, whose hint is `option`."""
    number = text.removeprefix("v")
    must(number.isascii() and number.isdigit(), f"{text} is no release.", option)
    return int(number)


def must(condition: object, message: str, hint: str) -> None:
    """Raises a usage Failure unless the condition holds."""
    if not condition:
        raise Failure("usage", message, hint=hint, exit_code=Exit.USAGE)
