"""What the user's program is told: its whole environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ownstack_contracts.names import digest_of
from ownstack_deployer.drivers.port import Job, Phase

CONFIGURED = frozenset[Phase](("release-task", "restart", "post-deploy", "run"))
"""The phases that are told the config of the app. The others have none in their jobs, and don't need it."""
PASSED_ON = ("PATH", "HOME", "LANG", "TZ")
"""Of the deployer's own environment; nothing else of it reaches the program."""


def environment_of(job: Job, phase: Phase, ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of a phase. What the job does not have (a look has no image) is there, and empty."""
    request, released = job.request, job.released
    config = job.config if phase in CONFIGURED else {}
    return {
        "PATH": os.defpath,
        **{name: ours[name] for name in PASSED_ON if name in ours},
        "OWNSTACK_PHASE": phase,
        "OWNSTACK_TEAM": job.team,
        "OWNSTACK_APP": request.app,
        "OWNSTACK_APP_ID": request.app_id,
        "OWNSTACK_STACK": request.stack,
        "OWNSTACK_IMAGE": released.image if released else "",
        "OWNSTACK_IMAGE_DIGEST": digest_of(released.image) if released else "",
        "OWNSTACK_RELEASE": str(released.release) if released else "",
        "OWNSTACK_DEPLOYMENT": released.deployment if released else "",
        "OWNSTACK_ATTEMPT": str(released.attempt) if released else "",
        "OWNSTACK_GENERATION": str(request.generation),
        **{f"OWNSTACK_SETTING_{key.upper()}": value for key, value in request.settings.items()},
        # With a prefix: a team that could set PATH or LD_PRELOAD would have the program do as it likes.
        "OWNSTACK_CONFIG": " ".join(sorted(config)),
        **{f"OWNSTACK_CONFIG_{name}": value for name, value in config.items()},
    }
