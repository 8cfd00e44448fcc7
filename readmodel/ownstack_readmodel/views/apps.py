"""Apps, and where they are: on stacks, in pipelines."""

from __future__ import annotations

from typing import Literal

from ownstack_readmodel.views.base import View


class LiveView(View):
    """What a stack holds of an app. `release` None: an image that is none of its releases.

    image, digest: None if it has no digest in any registry; then `reference` is what the stack calls it. drift: it is
    something else than what we released there last.
    """

    image: str | None
    digest: str | None
    reference: str | None = None
    release: int | None
    deployment: str | None
    generation: int
    at: int
    drift: bool = False


class AppStackView(View):
    """An app on a stack. unknown: not looked at yet, or it could not be; nothing: looked at, nothing is there.

    summary: "deployed v12 abc1234" (release and the first seven digits of the digest), "an image without digest
    (dokku/shop:latest)", "nothing deployed", "unknown". drift: something else is live than what we released there last,
    `expected_release`; `message` says so, and `drift_seen_at` is when it was seen. config_outdated: what is live there
    runs with another config than the app has for that stack by now. code, message: of the latest look if that failed;
    of a drift "drift", and a sentence. config_keys: the names of the variables that were found there when the app was
    imported, without those that its own config has had since; None: nobody has asked for them.
    """

    stack: str
    status: Literal["unknown", "nothing", "live"]
    summary: str
    live: LiveView | None = None
    drift: bool = False
    drift_seen_at: int | None = None
    expected_release: int | None = None
    config_outdated: bool = False
    code: str | None = None
    message: str | None = None
    deployment: str | None = None
    """The latest deployment there, if any."""
    config_keys: list[str] | None = None


class SettingsView(View):
    """How an app is deployed. Deadlines in seconds.

    retag: whether an image that is promoted to it is tagged `<app>-v<N>`. retag_to: in which repository; None: its own.
    """

    release_task: str
    postdeploy: str
    waiting_deadline: int
    running_deadline: int
    retag: bool = True
    retag_to: str | None = None


class ReviewAppView(View):
    """Which pull request a review app is for. expires_at: when it goes by itself, unless it is deployed again; None: it
    goes with its pull request. closing: it goes as soon as nothing of it is under way."""

    production: str
    number: int
    sha: str
    expires_at: int | None
    closing: bool = False


class ResolvingView(View):
    """A deployment that has begun, and looks for the image that its tag `reference` means. since: when it began.
    waiting_for_image: there is none yet, as this sentence says."""

    rollout: str
    reference: str
    since: int
    waiting_for_image: str | None


class LastFailureView(View):
    """A deployment or a promotion that failed, or succeeded on some stacks only, as its end recorded it."""

    rollout: str
    code: str | None
    message: str | None
    at: int


class AppView(View):
    """An app. `summary`: "shop — deployed v12 abc1234", or what differs per stack.

    resolving: the newest deployment of it whose image is not known yet. last_failure: the newest deployment or
    promotion to it, if that failed on any stack and was not retried since; those that were cancelled or superseded
    don't count.
    """

    name: str
    id: str
    created_at: int
    summary: str
    current_release: int | None
    stacks: list[AppStackView]
    settings: SettingsView
    pipeline: str | None
    rollout: str | None
    """The rollout under way."""
    queue: list[str]
    cloned_from: str | None = None
    """The app that it was made of."""
    review: ReviewAppView | None = None
    """Of a review app."""
    resolving: ResolvingView | None = None
    last_failure: LastFailureView | None = None


class CheckView(View):
    """What a check of a stack found. `code` None: it can be used; else `message` is what is wrong, and what to do.

    deployer: who has checked. host_key, fingerprint: what the stack showed. public_key: that of the deployer. None: the
    driver has no such thing, or did not get so far.
    """

    at: int
    code: str | None
    message: str
    deployer: str
    host_key: str | None
    fingerprint: str | None
    public_key: str | None


class StackView(View):
    """A server, and the apps on it. `check`: the latest, if there was one."""

    name: str
    driver: str
    address: str
    settings: dict[str, str]
    added_at: int
    check: CheckView | None = None
    apps: list[str]


class StageView(View):
    """A stage of a pipeline: an app, and what it runs."""

    app: str
    position: int
    production: bool
    summary: str
    current_release: int | None
    stacks: list[AppStackView]
    promotion: str | None
    """The latest promotion to this stage."""


class ReviewAppsView(View):
    """How pull requests get review apps: on `stack`, with the image that the template `image` says.

    expires: seconds after its last push that one goes by itself; None: it goes with its pull request. forks:
    whether pull requests from forks get one. secrets: whether the secrets of production are copied.
    """

    stack: str
    image: str
    expires: int | None
    forks: bool
    secrets: bool


class PipelineView(View):
    """A pipeline, named after its production app; its stages in order. `review_apps` None: there are none."""

    production: str
    created_at: int
    stages: list[StageView]
    review_apps: ReviewAppsView | None = None
