"""Which messages travel on which topic: one union per topic, told apart by the CloudEvents `type`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
    topics,
)
from ownstack_contracts.message import Message

Types = Mapping[str, type[Message]]


def _types(*messages: type[Message]) -> Types:
    return MappingProxyType({m.type_name(): m for m in messages})


COMMAND_TYPES = _types(
    teams.TeamCreated,
    stacks.StackAdded,
    stacks.StackChanged,
    stacks.CheckRequested,
    stacks.StackRemoved,
    apps.AppCreated,
    apps.AppImportRequested,
    apps.AppDestroyed,
    apps.AppStackAdded,
    apps.AppStackRemoved,
    apps.AppSettingsChanged,
    apps.LookRequested,
    config.ConfigSet,
    reviews.AppCloned,
    reviews.ReviewAppsEnabled,
    reviews.ReviewAppsDisabled,
    reviews.ReviewAppOpened,
    reviews.ReviewAppClosed,
    pipelines.PipelineCreated,
    pipelines.PipelineRemoved,
    pipelines.StagingAdded,
    pipelines.StageRemoved,
    rollouts.DeployRequested,
    rollouts.RollbackRequested,
    rollouts.StackRetryRequested,
    rollouts.RunRequested,
    promotions.PromotionRequested,
    promotions.PromotionCancelRequested,
)

_ADMITTED_REPORTS = _types(
    leases.LeaseReturned,
    leases.LeaseLapsed,
    reports.ReleaseTaskStarted,
    reports.ReleaseTaskSucceeded,
    reports.RestartStarted,
    reports.StackDeploySucceeded,
    reports.StackDeployFailed,
    reports.PostdeployStarted,
    reports.PostdeploySucceeded,
    reports.PostdeployFailed,
    reports.StackObserved,
    reports.StackLookFailed,
    reports.StackAppRemoved,
    reports.StackAppRemovalFailed,
    reports.StackRunEnded,
    reports.StackRunFailed,
    reports.StackChecked,
    images.ImageResolved,
    images.ImageNotResolved,
    images.ImageAwaited,
    images.ImageRetagged,
    images.ImageRetagSkipped,
)

REPORT_TYPES: Types = MappingProxyType(
    {**_types(leases.ClockTicked, leases.JobClaimed, leases.Heartbeat), **_ADMITTED_REPORTS},
)

DEPLOY_TYPES = _types(
    jobs.StackDeployRequested,
    jobs.PostdeployRequested,
    jobs.StackLookRequested,
    jobs.StackAppRemovalRequested,
    jobs.StackRunRequested,
    jobs.StackCheckRequested,
    images.ImageResolveRequested,
    images.ImageRetagRequested,
    images.ImageJobClosed,
    leases.JobGranted,
    leases.JobClosed,
)

_CONSEQUENCES = _types(
    apps.AppImported,
    apps.AppImportFailed,
    apps.ReleaseCreated,
    apps.StackAppLeftBehind,
    config.ConfigErased,
    reviews.ReviewAppUpdated,
    reviews.ReviewAppExpired,
    rollouts.DeployBegun,
    rollouts.DeployOpened,
    rollouts.RolloutQueued,
    rollouts.RolloutStarted,
    rollouts.DeploySucceeded,
    rollouts.DeployPartiallySucceeded,
    rollouts.DeployFailed,
    rollouts.DeployCancelled,
    rollouts.DeploySuperseded,
    promotions.PromotionBegun,
    promotions.PromotionOpened,
    promotions.PromotionSucceeded,
    promotions.PromotionPartiallySucceeded,
    promotions.PromotionFailed,
    promotions.PromotionCancelled,
    promotions.PromotionSuperseded,
    outcomes.StackDeployUnchanged,
    outcomes.StackDeployExpired,
    outcomes.StackDeployCancelled,
    outcomes.StackDeploySkipped,
    outcomes.PostdeployUnknown,
    outcomes.StackRunUnknown,
    outcomes.JobExpired,
    rejections.CommandRejected,
    rejections.DecisionCut,
)

HISTORY_TYPES: Types = MappingProxyType({**COMMAND_TYPES, **_ADMITTED_REPORTS, **DEPLOY_TYPES, **_CONSEQUENCES})

LOG_TYPES = _types(logs.DeploymentLogged)

TYPES_BY_TOPIC: Mapping[str, Types] = MappingProxyType(
    {
        topics.COMMANDS.name: COMMAND_TYPES,
        topics.REPORTS.name: REPORT_TYPES,
        topics.HISTORY.name: HISTORY_TYPES,
        topics.DEPLOYS.name: DEPLOY_TYPES,
        topics.LOGS.name: LOG_TYPES,
    }
)
"""Dead letters are not messages: their bytes are kept as they came."""


Work = (
    jobs.StackJob
    | leases.JobGranted
    | leases.JobClosed
    | jobs.StackCheckRequested
    | images.ImageJob
    | images.ImageJobClosed
)
"""What travels on `deploys`."""


def deploys_key(team: str, message: Work) -> str:
    """The key on `deploys`: one app on one stack; or what goes on beside: a check, a command, an image job."""
    if isinstance(message, jobs.StackCheckRequested):
        return f"{team}/@{message.stack}"
    if isinstance(message, images.ImageJob | images.ImageJobClosed):
        return f"{team}/{message.app}#{message.job}"
    key = f"{team}/{message.app}@{message.stack}"
    return f"{key}#{message.job}" if jobs.is_beside(message.job) else key
