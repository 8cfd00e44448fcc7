"""What queries answer: the views that the API sends and the CLI prints. Times are ms since the epoch, UTC."""

from __future__ import annotations

from ownstack_readmodel.views.apps import (
    AppStackView,
    AppView,
    CheckView,
    LastFailureView,
    LiveView,
    PipelineView,
    ResolvingView,
    ReviewAppsView,
    ReviewAppView,
    SettingsView,
    StackView,
    StageView,
)
from ownstack_readmodel.views.base import (
    Page,
    View,
)
from ownstack_readmodel.views.config import ConfigView, VariableView
from ownstack_readmodel.views.past import (
    CommandView,
    FactView,
    LogLineView,
    ReleaseDetailView,
    ReleaseView,
)
from ownstack_readmodel.views.work import (
    AttemptView,
    DeploymentState,
    DeploymentView,
    PhaseView,
    PostdeployState,
    PostdeployView,
    ReleaseTaskView,
    RetagView,
    RolloutStatus,
    RolloutView,
    RunStatus,
    RunView,
    StackResultView,
)

__all__ = [
    "AppStackView",
    "AppView",
    "AttemptView",
    "CheckView",
    "CommandView",
    "ConfigView",
    "DeploymentState",
    "DeploymentView",
    "FactView",
    "LastFailureView",
    "LiveView",
    "LogLineView",
    "Page",
    "PhaseView",
    "PipelineView",
    "PostdeployState",
    "PostdeployView",
    "ReleaseDetailView",
    "ReleaseTaskView",
    "ReleaseView",
    "ResolvingView",
    "RetagView",
    "ReviewAppView",
    "ReviewAppsView",
    "RolloutStatus",
    "RolloutView",
    "RunStatus",
    "RunView",
    "SettingsView",
    "StackResultView",
    "StackView",
    "StageView",
    "VariableView",
    "View",
]
