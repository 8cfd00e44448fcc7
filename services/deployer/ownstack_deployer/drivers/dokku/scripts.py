"""The post-deploy script of an app: that of the app.json in its image, where Heroku and Dokku look for it, too."""

from __future__ import annotations

import json

from ownstack_deployer.drivers.dokku.commands import run_of
from ownstack_deployer.drivers.dokku.remote import Answer, Remote
from ownstack_deployer.drivers.port import PhaseFailed

MANIFEST = "app.json"


async def postdeploy_of(remote: Remote, app: str) -> str | None:
    """The script; None: the image has none. Raises Lost, PhaseFailed `app-json-unreadable`."""
    answer = await remote.ask(*run_of(app, ["cat", MANIFEST]), too_long="app-json-unreadable")
    if answer.exit_code != 0:
        if _is_absent(answer):
            return None
        raise PhaseFailed(
            "app-json-unreadable",
            f"`cat {MANIFEST}` in the image of {app} ended with exit code {answer.exit_code}{answer.said}",
        )
    try:
        manifest = json.loads(answer.out)
        script = manifest.get("scripts", {}).get("postdeploy")
    except (ValueError, AttributeError, RecursionError) as error:
        raise PhaseFailed(
            "app-json-unreadable", f"The {MANIFEST} in the image of {app} is no JSON object: {error}. Mend it."
        ) from error
    return script if isinstance(script, str) and script.strip() else None


def _is_absent(answer: Answer) -> bool:
    """There is no such file, or not even a `cat`."""
    said = answer.errors + answer.out
    return "No such file" in said or "executable file not found" in said
