"""An app as a page: its settings, and what is live on each of its stacks."""

from __future__ import annotations

from ownstack.answers import Json
from ownstack.output import fields, moment, short, table
from ownstack.session import Session


def summary_of(app: Json) -> str:
    """What is live of it, without its name."""
    return str(app["summary"]).removeprefix(f"{app['name']} — ")


def origin_of(app: Json) -> str | None:
    """What it was made of: "review app of shop, pull request 7 at 1f0c9ab", "clone of shop"; None: of nothing."""
    review = app.get("review")
    if review is not None:
        about = f"review app of {review['production']}, pull request {review['number']} at {review['sha'][:7]}"
        return about + _end_of(review)
    return f"clone of {app['cloned_from']}" if app.get("cloned_from") else None


def _end_of(review: Json) -> str:
    if review["closing"]:
        return ", goes once nothing of it is under way"
    return f", goes {moment(review['expires_at'])}" if review["expires_at"] is not None else ""


def remark_of(app: Json) -> str | None:
    """What is to be said of it in a list."""
    outdated = any(stack.get("config_outdated") for stack in app["stacks"])
    config = f"config outdated: ownstack app info {app['name']}" if outdated else None
    return "; ".join(filter(None, (origin_of(app), state_of(app), config))) or None


def state_of(app: Json) -> str | None:
    """What is to be said of its newest deployment, where what is live does not tell: None: nothing."""
    image, failure = image_of(app), failure_of(app)
    said = (f"image {image}" if image else None, f"latest deployment {failure}" if failure else None)
    return "; ".join(filter(None, said)) or None


def image_of(app: Json) -> str | None:
    """How it stands with the image that is to be deployed, until that is known: "being looked for: REFERENCE"."""
    resolving = app.get("resolving")
    if not resolving:
        return None
    if resolving["waiting_for_image"]:
        time = f"until {moment(until)}" if (until := resolving.get("until")) else f"since {moment(resolving['since'])}"
        return f"awaited {time}: {resolving['waiting_for_image']}"
    return f"being looked for: {resolving['reference']}"


def failure_of(app: Json) -> str | None:
    """Why the newest deployment failed, if it did."""
    failure = app.get("last_failure")
    return f"failed: {failure['message'] or failure['code']}" if failure else None


def _tag_of(app: Json) -> str:
    chosen = app["settings"]
    if not chosen.get("retag", True):
        return "none"
    return f"{app['name']}-vN, in {chosen.get('retag_to') or 'the repository of the image'}"


def show_app(session: Session, app: Json) -> None:
    """All of it."""
    chosen = app["settings"]
    session.output.show(
        fields(
            [
                ("app", app["name"]),
                ("live", summary_of(app)),
                ("created", moment(app["created_at"])),
                *([("made as", origin)] if (origin := origin_of(app)) else []),
                ("pipeline", app["pipeline"]),
                ("under way", _under_way(app)),
                *([("image", image)] if (image := image_of(app)) else []),
                *([("latest deployment", failure)] if (failure := failure_of(app)) else []),
                ("queued", ", ".join(app["queue"])),
                ("release task", chosen["release_task"]),
                ("post-deploy", chosen["postdeploy"]),
                ("deadlines", f"waiting {chosen['waiting_deadline']} s, running {chosen['running_deadline']} s"),
                ("tag if promoted", _tag_of(app)),
            ]
        )
    )
    show_stacks(session, app)
    if app["stacks"]:
        session.output.say(f"To look at what is live now: ownstack app look {app['name']}")


def _under_way(app: Json) -> str | None:
    """A deployment whose image is not known yet is under way, though nothing is rolled out."""
    rollout: str | None = app["rollout"]
    return rollout or (app["resolving"]["rollout"] if app.get("resolving") else None)


def show_stacks(session: Session, app: Json) -> None:
    """What is live on each of its stacks, since when that is known, and what is to be said of it."""
    session.output.show(
        table(("STACK", "LIVE", "DIGEST", "AS OF", "REMARK"), [_row(s, app["name"]) for s in app["stacks"]])
    )
    for stack in app["stacks"]:
        keys = stack.get("config_keys")
        if keys is not None:
            session.output.say(f"config on {stack['stack']}: {', '.join(keys) or 'none'}")


def _row(stack: Json, app: str) -> tuple[str | None, ...]:
    live = stack["live"]
    if live is None:
        return stack["stack"], stack["summary"], None, None, _remark(stack, app)
    digest = short(live["digest"]) if live["digest"] else None
    return stack["stack"], stack["summary"], digest, moment(live["at"]), _remark(stack, app)


def _remark(stack: Json, app: str) -> str | None:
    newer = f"with its config from before; any deployment, or ownstack config:set {app} KEY=VALUE, brings the new one"
    outdated = newer if stack.get("config_outdated") else None
    return "; ".join(filter(None, (_trouble(stack), outdated))) or None


def _trouble(stack: Json) -> str | None:
    if not stack.get("drift"):
        message: str | None = stack["message"]
        return message
    seen, release = moment(stack["drift_seen_at"]), stack["expected_release"]
    expected = f" from v{release}" if release is not None else ""
    return f"drift{expected}, seen {seen}: {stack['message']}"
