"""Follows one rollout, or other work on the stacks of an app, from fact to fact: what each stack is doing now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ownstack.answers import Json
from ownstack.output import short

ENDED = {"succeeded", "unchanged", "failed", "expired", "cancelled", "skipped", "superseded"}
"""States that a stack stays in."""
GOOD = {"succeeded", "unchanged"}

_WORDS = {
    "asked": "waiting for a deployer",
    "granted": "starting",
    "release-task": "release task",
    "restart": "restarting",
    "post-deploy": "post-deploy",
    "unchanged": "unchanged: holds this release already",
    "expired": "expired",
}


@dataclass(slots=True)
class Row:
    """One stack. `since`: when this state began, in ms since the epoch; `began`: when its work did."""

    stack: str
    state: str = "pending"
    since: int | None = None
    began: int | None = None
    message: str | None = None

    @property
    def words(self) -> str:
        """The state, for people."""
        said = _WORDS.get(self.state, self.state)
        return f"{said}: {self.message}" if self.message else said


@dataclass(slots=True)
class Progress:
    """The rows of a rollout, or of a part of it, and whether it has ended.

    title: what it is, for people. mine: whether a fact's data is about it. ends: whether a fact ends it; None: it ends
    when all rows have. note: what is said of the whole, for a while. lines: what is said of it once, and has not been
    yet. view: of the rollout, with what facts have said of it since.
    """

    title: str
    rows: dict[str, Row]
    mine: Callable[[Json], bool]
    ends: Callable[[str, Json], bool] | None = None
    note: str | None = None
    lines: list[str] = field(default_factory=list)
    ended: bool = False
    view: Json = field(default_factory=dict)
    _by_type: Mapping[str, str] = field(default_factory=lambda: STATES)

    def apply(self, kind: str, data: Json, at: int) -> Row | None:
        """Take up a fact; returns the row that it changed, if any."""
        if not self.mine(data):
            return None
        if kind in _OF_THE_WHOLE and not self._is_past(kind):
            self.note = _OF_THE_WHOLE[kind](data)
            self._learn(kind, data)
        row = self._move(kind, data, at)
        if self.ends is None:
            self.ended = all(r.state in ENDED for r in self.rows.values())
        elif self.ends(kind, data):
            self.ended = True
        return row

    @property
    def _is_known(self) -> bool:
        """Whether the view had it from the first what is released."""
        return self.view.get("status") not in _UNKNOWN_YET and bool(self.view.get("image"))

    def _is_past(self, kind: str) -> bool:
        """Whether the view was further than this fact when it was asked for: the fact is older, and nothing new."""
        if kind in _OF_FINDING:
            return self._is_known
        if kind == "RolloutQueued":
            return self.view.get("status", "queued") not in (*_UNKNOWN_YET, "queued")
        retag = self.view.get("retag") or {"image": None, "code": None}
        return kind == "ImageRetagRequested" and (retag["image"] or retag["code"]) is not None

    def _learn(self, kind: str, data: Json) -> None:
        """A promotion looks at its source first, and a tag is resolved: only then it is known what goes where, and so
        what it is called. A change of config that has waited takes the image that runs."""
        if kind == "ImageResolved":
            self.lines.append(_resolved(data["image"]))
        if self._is_known:
            return
        self.view |= {name: data[name] for name in ("release", "source_release", "image") if data.get(name)}
        for stack in data.get("stacks", ()):
            self.rows.setdefault(stack, Row(stack))
        if kind in ("RolloutStarted", "RolloutQueued"):
            self.title = title_of(self.view)

    def settle(self, view: Json) -> list[Row]:
        """Take up how the rollout stands, once it has ended; returns the rows that no fact had brought there yet."""
        self.ended = True
        return [self.rows[stack["stack"]] for stack in view["stacks"] if self._settle(stack)]

    def _settle(self, stack: Json) -> bool:
        row = self.rows.setdefault(stack["stack"], Row(stack["stack"]))
        if row.state in ENDED and (row.message or not stack["message"]):
            return False
        row.state, row.message = stack["state"], stack["message"]
        row.began, row.since = stack["started_at"], stack["ended_at"]
        return True

    def _move(self, kind: str, data: Json, at: int) -> Row | None:
        state = self._by_type.get(kind)
        stack = data.get("stack")
        if state is None or stack is None:
            return None
        row = self.rows.setdefault(stack, Row(stack))
        if state == "granted" and data.get("kind") == "postdeploy":
            return None
        if kind in ("LeaseLapsed", "LeaseReturned") and row.state in ENDED:
            return None
        if data.get("unchanged"):
            state = "unchanged"
        row.state, row.since, row.message = state, at, _message(kind, data)
        row.began = row.began or at
        return row


STATES: Mapping[str, str] = {
    "StackDeployRequested": "asked",
    "StackDeployUnchanged": "unchanged",
    "JobGranted": "granted",
    "LeaseLapsed": "asked",
    "LeaseReturned": "asked",
    "ReleaseTaskStarted": "release-task",
    "RestartStarted": "restart",
    "StackDeploySucceeded": "succeeded",
    "StackDeployFailed": "failed",
    "StackDeployExpired": "expired",
    "StackDeployCancelled": "cancelled",
    "StackDeploySkipped": "skipped",
    "PostdeployStarted": "post-deploy",
    "PostdeploySucceeded": "succeeded",
    "PostdeployFailed": "failed",
    "PostdeployUnknown": "failed",
}
"""What a fact about a stack makes of its row, in a rollout."""

LOOKING: Mapping[str, str] = {
    "StackLookRequested": "looking",
    "StackObserved": "succeeded",
    "StackLookFailed": "failed",
}
"""The same, while what is live is looked at."""

REMOVING: Mapping[str, str] = {
    "StackAppRemovalRequested": "removing",
    "StackAppRemoved": "succeeded",
    "StackAppLeftBehind": "failed",
}
"""The same, while an app is removed."""


def _found(live: Json) -> str:
    return f"found {live.get('image') or live.get('reference') or 'an image without a name'}"


_SAID: Mapping[str, Callable[[Json], str]] = {
    "LeaseLapsed": lambda _: "its deployer was lost; another will look first",
    "StackObserved": lambda data: _found(data["live"]) if data.get("live") else "nothing is there",
    "StackAppRemoved": lambda _: "removed",
    "PostdeployFailed": lambda data: f"post-deploy: {data['message']}",
    "PostdeployUnknown": lambda _: "the outcome of the post-deploy script is unknown",
    "StackDeployExpired": lambda data: (
        "nobody began in time" if data["deadline"] == "waiting" else "it did not end in time"
    ),
}


_OF_THE_WHOLE: Mapping[str, Callable[[Json], str | None]] = {
    "PromotionBegun": lambda data: f"looking at {data['source']} on {', '.join(data['looked_at'])} …",
    "PromotionOpened": lambda _: None,
    "RolloutQueued": lambda data: f"waits for {data['behind']}, which is under way",
    "RolloutStarted": lambda _: None,
    "ImageResolveRequested": lambda data: _resolving(data["reference"]),
    "ImageAwaited": lambda data: _awaiting(data["message"]),
    "ImageResolved": lambda _: None,
    "ImageRetagRequested": lambda data: _tagging(data["tag"]),
    "ImageRetagged": lambda _: None,
    "ImageRetagSkipped": lambda _: None,
}
"""What is said of a rollout, from a fact on."""

_OF_FINDING = {"PromotionBegun", "PromotionOpened", "ImageResolveRequested", "ImageAwaited", "ImageResolved"}
"""Of these what happens before it is known what is released."""

_UNKNOWN_YET = ("looking", "resolving")
"""How a rollout stands while it is not known yet what it brings."""


def _resolving(reference: str) -> str:
    return f"resolving the digest of {reference} …"


def _resolved(image: str) -> str:
    return f"  the image is {image}"


def _awaiting(message: str) -> str:
    return f"waiting for the image: {message}"


def _tagging(tag: str) -> str:
    return f"tagging the image {tag} …"


def _note_of(view: Json) -> str | None:
    """What is said of a rollout as it stands."""
    if view["status"] == "queued" and view.get("behind"):
        return f"waits for {view['behind']}, which is under way"
    if view["status"] == "resolving":
        awaited = view.get("waiting_for_image")
        return _awaiting(awaited) if awaited else _resolving(view["reference"])
    retag = view.get("retag")
    if view["status"] == "running" and retag and retag["image"] is None and retag["code"] is None:
        return _tagging(retag["tag"])
    return None


def _message(kind: str, data: Json) -> str | None:
    if kind in _SAID:
        return _SAID[kind](data)
    found = data.get("message") or data.get("code")
    return None if found is None else str(found)


def of_rollout(view: Json) -> Progress:
    """The progress of a rollout, from its first fact on."""
    name = view["id"]
    rows = {s["stack"]: Row(s["stack"]) for s in view["stacks"]}

    def mine(data: Json) -> bool:
        ids = (data.get("rollout"), data.get("promotion"))
        jobs = (str(data.get(k, "")) for k in ("job", "deployment"))
        return name in ids or any(job.startswith((f"{name}.", f"{name}#")) for job in jobs)

    def ends(kind: str, data: Json) -> bool:
        return kind in ENDS and name in (data.get("rollout"), data.get("promotion"))

    progress = Progress(title_of(view), rows, mine, ends, view=dict(view))
    progress.ended = view["status"] not in (*_UNKNOWN_YET, "queued", "running")
    progress.note = _note_of(view)
    if view.get("reference") and view.get("image"):
        progress.lines.append(_resolved(view["image"]))
    return progress


ENDS = {
    f"{kind}{end}"
    for kind in ("Promotion", "Deploy")
    for end in ("Succeeded", "PartiallySucceeded", "Failed", "Cancelled", "Superseded")
}


def of_jobs(title: str, jobs: Iterable[tuple[str, str]], states: Mapping[str, str] = STATES) -> Progress:
    """The progress of jobs, given as (stack, job); it ends when each has ended."""
    rows = {stack: Row(stack, "asked") for stack, _ in jobs}
    names = {job for _, job in jobs}
    return Progress(title, rows, lambda data: data.get("job") in names, None, _by_type=states)


def title_of(view: Json) -> str:
    """What a rollout does: "shop v3 1f0c9ab, promoted from shop-staging v5", "shop v4 aa5cb2e, rolled back to v2"."""
    release = f" v{view['release']}" if view.get("release") is not None else ""
    image = f" {short(view['image'])}" if view.get("image") else ""
    if not image and view.get("reference"):
        image = f", {view['reference']}"
    config = ", with its new config" if view.get("config_change") else ""
    source = f", promoted from {source_of(view)}" if view.get("source") else ""
    back = f", rolled back to v{view['rolled_back_to']}" if view.get("rolled_back_to") is not None else ""
    return f"{view['app']}{release}{image}{source}{back}{config}"


def source_of(view: Json) -> str:
    """What a promotion copies: "shop-staging v5"; without a release as long as none is known."""
    release = f" v{view['source_release']}" if view["source_release"] is not None else ""
    return f"{view['source']}{release}"
