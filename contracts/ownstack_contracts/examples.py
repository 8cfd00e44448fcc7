"""One example of every message: what the documentation shows, and what the golden records were written from.

A golden record is never written again. When the fields of a type change meaning, its version grows: the example here is
of the new version, and what the golden record of the old one is read as stands beside it, under the old version.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ownstack_contracts import (
    apps,
    config,
    images,
    jobs,
    leases,
    logs,
    outcomes,
    pipelines,
    promotions,
    rejections,
    reports,
    reviews,
    rollouts,
    stacks,
    teams,
)
from ownstack_contracts.message import Message

_SHOP = f"registry.example.com/acme/shop@sha256:{'3b' * 32}"
_FOUND = f"registry.example.com:5000/acme/shop:2.0@sha256:{'c4' * 32}"
_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN6gQxBsl0T9Tz8pXh6oOq1hNf2nq7l0vVwJt3mYcK5d"
_NOON = 1_767_268_800_000
_PROMOTION, _DEPLOY = "9d0c2f6e-promote", "5f1b7a30-deploy"
_RUN = {"run": "0f8fad5b5d4b4c7e9a2b1c3d4e5f6071", "app": "shop", "stack": "eu-1"}
_DEPLOYED: dict[str, Any] = {**_RUN, "job": f"{_PROMOTION}.eu-1.1"}
_SCRIPT: dict[str, Any] = {**_RUN, "job": f"{_PROMOTION}.eu-1#postdeploy.1"}
_LOOKED: dict[str, Any] = {**_RUN, "job": "shop.7.eu-1#look.1"}
_REMOVED: dict[str, Any] = {**_RUN, "job": "shop.7.eu-1#remove.2"}
_RAN: dict[str, Any] = {**_RUN, "job": "0e6a2f85#run"}
_PLACE: dict[str, Any] = {"app": "shop", "stack": "eu-1"}
_ASKED: dict[str, Any] = {**_PLACE, "job": f"{_PROMOTION}.eu-1.1", "deployment": f"{_PROMOTION}.eu-1"}
_JOB: dict[str, Any] = {
    **_PLACE,
    "app_id": "shop.7",
    "driver": "program",
    "address": "/srv/ownstack/stack",
    "settings": {"port_range": "20000-20100"},
    "generation": 4,
    "waiting_until": _NOON + 900_000,
    "running_deadline": 1_800,
}
_RELEASE: dict[str, Any] = {
    "deployment": f"{_PROMOTION}.eu-1",
    "rollout": _PROMOTION,
    "attempt": 1,
    "release": 12,
    "image": _SHOP,
}
_LIVE = jobs.Live(image=_SHOP, generation=4, deployment=f"{_PROMOTION}.eu-1", release=12, team="acme", app_id="shop.7")
_OPENED: dict[str, Any] = {"image": _SHOP, "stacks": ("eu-1", "us-1"), "redeploy": False, "requester": "token:laptop"}
_ROLLOUT: dict[str, Any] = {
    "rollout": _PROMOTION,
    "kind": "promotion",
    "app": "shop",
    "app_id": "shop.7",
    "image": _SHOP,
}
_GOOD = (
    rollouts.StackResult(stack="eu-1", outcome="succeeded"),
    rollouts.StackResult(stack="us-1", outcome="unchanged"),
)
_BAD = rollouts.StackResult(stack="us-1", outcome="failed", code="release-task-failed")
_FAILED: dict[str, Any] = {"code": "stacks-failed", "message": "The release did not come to us-1."}
_CANCELLED = tuple(rollouts.StackResult(stack=s, outcome="cancelled") for s in ("eu-1", "us-1"))
_SUPERSEDED = tuple(rollouts.StackResult(stack=s, outcome="superseded") for s in ("eu-1", "us-1"))
_PROMOTED: dict[str, Any] = {"promotion": _PROMOTION, "source": "shop-staging", "target": "shop"}
_DONE: dict[str, Any] = {"rollout": _DEPLOY, "app": "shop-staging"}
_SEALED = "v1.8aGV0RW1vTm9uY2V4tq2v0m3Qm1wL3o8h6zq6yCq5c0xq0b5pXg"
_SEALED_TOO = "v1.Zk1wQ2x0R3ZKd0xwTj5dV9m3b0Qw2sT8yHqk4n7R1cXe5uJzLg"
_CONFIGURED = "7c" * 16
_VALUES = {
    "DATABASE_URL": config.ConfigValue(sealed=_SEALED, fingerprint="6d" * 16),
    "RAILS_ENV": config.ConfigValue(sealed=_SEALED_TOO, fingerprint="0e" * 16, secret=False),
}
_CONFIG = (
    config.ConfigEntry(name="DATABASE_URL", sealed=_SEALED),
    config.ConfigEntry(name="REGION", sealed=_SEALED_TOO, stack="eu-1"),
)
_COMMAND = "9d0c2f6e-promote"
"""The id of each golden command."""
_REVIEW, _SHA = "github-72d3162e-cc78-11e3-81ab-4c9367dc0958.1f4ff3a3", "9f2c41d07b1e4a6f8c3d5e7f9a0b1c2d3e4f5a6b"
_PULL_REQUEST: dict[str, Any] = {"production": "shop", "number": 7}
_IMAGE_JOB: dict[str, Any] = {"app": "shop", "app_id": "shop.7", "waiting_until": _NOON + 60_000}

_COMMANDS: tuple[Message, ...] = (
    teams.TeamCreated(),
    stacks.StackAdded(
        stack="eu-1", driver="program", address="/srv/ownstack/stack", settings={"port_range": "20000-20100"}
    ),
    stacks.StackChanged(stack="eu-2", address="dokku@203.0.113.7:22", settings={"host_key": _HOST_KEY}),
    stacks.CheckRequested(stack="eu-2"),
    stacks.StackRemoved(stack="eu-1", forget=True),
    apps.AppCreated(app="shop", stacks=("eu-1", "us-1")),
    apps.AppImportRequested(app="shop", stack="eu-2", config=True),
    apps.AppDestroyed(app="shop"),
    apps.AppStackAdded(app="shop", stack="us-1"),
    apps.AppStackRemoved(app="shop", stack="us-1"),
    apps.LookRequested(app="shop", stack="eu-1"),
    apps.AppSettingsChanged(app="shop", release_task="first-stack", postdeploy="once-per-app", running_deadline=600),
    config.ConfigSet(app="shop", app_id="shop.7", stack="eu-1", values=_VALUES, unset=("OLD_KEY",), deploy=False),
    reviews.AppCloned(
        source="shop",
        app="shop-demo",
        app_id=reviews.clone_id("shop-demo", _COMMAND),
        stack="eu-1",
        values=_VALUES,
        deploy=True,
    ),
    reviews.ReviewAppsEnabled(
        production="shop", stack="review-1", image="ghcr.io/acme/shop:pr-{number}-{sha}", expires=432_000
    ),
    reviews.ReviewAppsDisabled(production="shop"),
    reviews.ReviewAppOpened(
        **_PULL_REQUEST, sha=_SHA, at=_NOON, app_id=reviews.clone_id("shop-pr-7", _COMMAND), fork=False, values=_VALUES
    ),
    reviews.ReviewAppClosed(**_PULL_REQUEST, at=_NOON + 3_600_000),
    pipelines.PipelineCreated(production="shop"),
    pipelines.PipelineRemoved(production="shop"),
    pipelines.StagingAdded(production="shop", staging="shop-qa", before="shop-staging"),
    pipelines.StageRemoved(production="shop", stage="shop-qa"),
    rollouts.DeployRequested(app="shop-staging", image=_SHOP, stacks=("eu-1",), redeploy=True),
    rollouts.RollbackRequested(app="shop", release=11, acknowledge_migrations=True),
    rollouts.RunRequested(app="shop", stack="eu-1", command=("rake", "db:version")),
    rollouts.StackRetryRequested(app="shop", stack="us-1"),
    promotions.PromotionRequested(app="shop-staging", release=5, stacks=("eu-1", "us-1")),
    promotions.PromotionCancelRequested(promotion=_PROMOTION),
)

_REPORTS: tuple[Message, ...] = (
    leases.ClockTicked(),
    leases.JobClaimed(**_DEPLOYED, deployer="deployer-1"),
    leases.Heartbeat(runs=(_RUN["run"], "1f8fad5b5d4b4c7e9a2b1c3d4e5f6072")),
    leases.LeaseReturned(**_DEPLOYED),
    leases.LeaseLapsed(**_DEPLOYED),
    reports.ReleaseTaskStarted(**_DEPLOYED),
    reports.ReleaseTaskSucceeded(**_DEPLOYED),
    reports.RestartStarted(**_DEPLOYED),
    reports.StackDeploySucceeded(**_DEPLOYED, live=_LIVE),
    reports.StackDeployFailed(
        **_DEPLOYED,
        phase="release-task",
        code="release-task-failed",
        message="The release task ended with exit code 1.",
        live=jobs.Live(image=_FOUND),
    ),
    reports.PostdeployStarted(**_SCRIPT),
    reports.PostdeploySucceeded(**_SCRIPT),
    reports.PostdeployFailed(**_SCRIPT, code="post-deploy-failed", message="The script ended with exit code 2."),
    reports.StackObserved(**_LOOKED, live=jobs.Live(image=_FOUND, team="acme")),
    reports.StackLookFailed(
        **_LOOKED, code="unreachable", message="The stack does not answer – tried 3×.", again_at=_NOON + 60_000
    ),
    reports.StackAppRemoved(**_REMOVED),
    reports.StackAppRemovalFailed(**_REMOVED, code="remove-failed", message="The program ended with exit code 1."),
    reports.StackRunEnded(**_RAN, exit_code=3, lines=2),
    reports.StackRunFailed(**_RAN, code="unreachable", message="The stack does not answer."),
    reports.StackChecked(
        job="9d5f1e74#check",
        stack="eu-2",
        deployer="deployer-1",
        code="key-refused",
        message="203.0.113.7 does not let deployer-1 in as dokku: its key is not there.",
        host_key=_HOST_KEY,
        fingerprint="SHA256:jvzm9gWcKVGGbN1Y2bHdJjv5vzk0gPc0Vt7yJ0m1WjE",
        public_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGx8mJ5rQp0V0S2q3V0Lk7o2mZl7WQv2Tg1yq3zI0b1X deployer-1",
    ),
    images.ImageResolved(job=f"{_REVIEW}#image", app="shop-pr-7", image=_FOUND),
    images.ImageNotResolved(
        job=f"{_REVIEW}#image",
        app="shop-pr-7",
        code="image-missing",
        message=f"ghcr.io has no acme/shop:pr-7-{_SHA}, and had none for 30 minutes.",
    ),
    images.ImageAwaited(
        job=f"{_REVIEW}#image",
        app="shop-pr-7",
        message=f"ghcr.io has no acme/shop:pr-7-{_SHA} yet.",
        until=_NOON + 1_800_000,
    ),
    images.ImageRetagged(
        job=f"{_PROMOTION}#image", app="shop", image=f"registry.example.com/acme/shop:shop-v12@sha256:{'3b' * 32}"
    ),
    images.ImageRetagSkipped(
        job=f"{_PROMOTION}#image",
        app="shop",
        code="no-credentials",
        message="deployer-1 has no credentials for registry.example.com.",
    ),
)

_DEPLOYS: tuple[Message, ...] = (
    jobs.StackDeployRequested(
        **_JOB,
        **_RELEASE,
        job=f"{_PROMOTION}.eu-1.1",
        config_fingerprint=_CONFIGURED,
        release_task=True,
        config=_CONFIG,
        config_unset=("OLD_KEY",),
    ),
    jobs.PostdeployRequested(**_JOB, **_RELEASE, job=f"{_PROMOTION}.eu-1#postdeploy.1"),
    jobs.StackLookRequested(**_JOB, job="shop.7.eu-1#look.1"),
    jobs.StackAppRemovalRequested(**_JOB, job="shop.7.eu-1#remove.2"),
    jobs.StackRunRequested(**_JOB, job="0e6a2f85#run", command=("rake", "db:version")),
    jobs.StackCheckRequested(
        job="9d5f1e74#check",
        stack="eu-2",
        driver="dokku",
        address="dokku@203.0.113.7:22",
        settings={"host_key": _HOST_KEY},
        waiting_until=_NOON + 60_000,
    ),
    images.ImageResolveRequested(
        **{**_IMAGE_JOB, "app": "shop-pr-7", "app_id": reviews.clone_id("shop-pr-7", _REVIEW)},
        job=f"{_REVIEW}#image",
        rollout=_REVIEW,
        reference=f"ghcr.io/acme/shop:pr-7-{_SHA}",
        missing_until=_NOON + 1_800_000,
    ),
    images.ImageRetagRequested(
        **_IMAGE_JOB, job=f"{_PROMOTION}#image", rollout=_PROMOTION, release=12, image=_SHOP, tag="shop-v12"
    ),
    images.ImageJobClosed(job=f"{_REVIEW}#image", app="shop-pr-7"),
    leases.JobGranted(
        **_DEPLOYED,
        kind="deploy",
        lease=15,
        uncertain=True,
        release_task_done=False,
        running_until=_NOON + 1_800_000,
    ),
    leases.JobClosed(**_PLACE, job=f"{_PROMOTION}.eu-1.1", reason="ended"),
)

_ENDS: tuple[Message, ...] = (
    rollouts.DeploySucceeded(**_DONE, release=5, results=_GOOD, postdeploy="succeeded"),
    rollouts.DeployPartiallySucceeded(**_DONE, **_FAILED, release=5, results=(_GOOD[0], _BAD)),
    rollouts.DeployFailed(**_DONE, **_FAILED, release=5, results=(_BAD,)),
    rollouts.DeployCancelled(**_DONE, results=_CANCELLED),
    rollouts.DeploySuperseded(**_DONE, results=_SUPERSEDED, superseded_by="6a2c8b41-deploy"),
    promotions.PromotionSucceeded(**_PROMOTED, release=12, results=_GOOD, postdeploy="succeeded"),
    promotions.PromotionPartiallySucceeded(**_PROMOTED, **_FAILED, release=12, results=(_GOOD[0], _BAD)),
    promotions.PromotionFailed(**_PROMOTED, **_FAILED, release=12, results=(_BAD,)),
    promotions.PromotionCancelled(**_PROMOTED, results=_CANCELLED),
    promotions.PromotionSuperseded(**_PROMOTED, results=_SUPERSEDED, superseded_by="7b3d9c52-promote"),
)

_CONSEQUENCES: tuple[Message, ...] = (
    apps.ReleaseCreated(
        app="shop",
        app_id="shop.7",
        release=12,
        image=_SHOP,
        config_fingerprint=_CONFIGURED,
        origin="promotion",
        rollout=_PROMOTION,
        source_app="shop-staging",
        source_release=5,
    ),
    apps.AppImported(app="shop", app_id="shop.7", stack="eu-2", config_keys=("DATABASE_URL", "SECRET_KEY_BASE")),
    apps.AppImportFailed(app="shop", stack="eu-2", code="app-not-on-stack", message="eu-2 has no app shop."),
    apps.StackAppLeftBehind(
        **_PLACE,
        app_id="shop.7",
        code="waiting-deadline",
        message="No deployer began before the waiting deadline.",
        job="shop.7.eu-1#remove.2",
    ),
    config.ConfigErased(app="shop", app_id="shop.7"),
    reviews.ReviewAppUpdated(
        **_PULL_REQUEST,
        app="shop-pr-7",
        app_id=reviews.clone_id("shop-pr-7", _REVIEW),
        sha=_SHA,
        at=_NOON,
        image=f"ghcr.io/acme/shop:pr-7-{_SHA}",
        expires_at=_NOON + 432_000_000,
    ),
    reviews.ReviewAppExpired(**_PULL_REQUEST, app="shop-pr-7"),
    rollouts.DeployBegun(
        rollout=_REVIEW,
        app="shop-pr-7",
        app_id=reviews.clone_id("shop-pr-7", _REVIEW),
        reference=f"ghcr.io/acme/shop:pr-7-{_SHA}",
        stacks=("review-1",),
        redeploy=False,
        requester="github:octocat",
    ),
    rollouts.DeployOpened(**_OPENED, rollout=_DEPLOY, app="shop-staging", app_id="shop-staging.9"),
    rollouts.RolloutQueued(**_ROLLOUT, stacks=("eu-1", "us-1"), behind=_DEPLOY),
    rollouts.RolloutStarted(**_ROLLOUT, stacks=("eu-1", "us-1"), release=12, config_fingerprint=_CONFIGURED),
    promotions.PromotionBegun(
        promotion=_PROMOTION,
        source="shop-staging",
        source_release=5,
        looked_at=("eu-1",),
        target="shop",
        target_app_id="shop.7",
        stacks=("eu-1", "us-1"),
        redeploy=False,
        requester="token:ci",
    ),
    promotions.PromotionOpened(
        **_OPENED,
        promotion=_PROMOTION,
        source="shop-staging",
        source_release=5,
        target="shop",
        target_app_id="shop.7",
        config_fingerprint=_CONFIGURED,
    ),
    outcomes.StackDeployUnchanged(**_PLACE, deployment=f"{_PROMOTION}.eu-1", rollout=_PROMOTION, release=12),
    outcomes.StackDeployExpired(
        **_PLACE, job=f"{_PROMOTION}.eu-1.1", deployment=f"{_PROMOTION}.eu-1", deadline="waiting"
    ),
    outcomes.StackDeployCancelled(**_ASKED),
    outcomes.StackDeploySkipped(
        **_PLACE, deployment=f"{_PROMOTION}.eu-1", rollout=_PROMOTION, code="first-stack-failed"
    ),
    outcomes.PostdeployUnknown(**_PLACE, job=f"{_PROMOTION}.eu-1#postdeploy.1", rollout=_PROMOTION),
    outcomes.StackRunUnknown(**_PLACE, job="0e6a2f85#run"),
    outcomes.JobExpired(**_PLACE, job="shop.7.eu-1#remove.2", deadline="running"),
    rejections.CommandRejected(
        command="8c4e0d63-deploy",
        command_type="DeployRequested",
        code="app-unknown",
        message="There is no app shpo.",
        hint="ownstack app list",
        data={"app": "shpo", "image": _SHOP, "redeploy": False},
    ),
    rejections.DecisionCut(input="ownstack.commands/3/17", written=2, reason="The input has expired."),
)


def example_id(message: Message) -> str:
    """What an example is listed under, and what its golden record is called: `<Type>.<version>`."""
    return f"{message.type_name()}.{message.version}"


EXAMPLES: Mapping[str, Message] = MappingProxyType(
    {
        example_id(message): message
        for message in (
            *_COMMANDS,
            *_REPORTS,
            *_DEPLOYS,
            *_ENDS,
            *_CONSEQUENCES,
            logs.DeploymentLogged(
                **_DEPLOYED,
                app_id="shop.7",
                deployment=f"{_PROMOTION}.eu-1",
                phase="restart",
                number=0,
                lines=("starting on port 20001", "healthy after 0.4 s – traffic turns"),
            ),
        )
    }
)
"""By `<Type>.<version>`."""
