"""The images that the registry of a stand-in has: those of the transcripts, and what tests add."""

from __future__ import annotations

import hashlib
import json
from typing import Any

REPOSITORY = "127.0.0.1:5000/demo/web"
DIGESTS = {
    "v1": "1c4c768cdacc346a11e6e35b6c3d0d5cbb11c50afea0e91046c5a36a0fc118dc",
    "v2": "785b4e9ca9a49a1df2f7450d64311d87930479f69d8a33b2c7bde84a0effc6a1",
    "prefail": "46a0e4a6d9f0f009ff38ece10a03eb2d2ed5a1281c832d1c53e87559809f5b86",
    "relfail": "aab178bab02a111355d7a28b195c323ef6c72d2576e0530e30065ce52b7af2a6",
    "hcfail": "33f469c9fb7212a63b7f8c6ee674cd89e4570ccee730fefbb39a7c5b592b2d1c",
    "crash": "66dd98c2565cb9d14f3b6adefbfcfc5b8c5fec28177220faaa9c5189fba7357d",
    "postfail": "4017299b495c131181db43188dd9655881fcd547745a39dbb3015b680c2beb03",
    "missing": "0" * 64,
}
SCRIPTS: dict[str, dict[str, str]] = {
    "prefail": {"predeploy": "echo PRE-out; echo PRE-err >&2; exit 9"},
    "relfail": {"release": "sh -c 'echo REL-out; exit 8'"},
    "hcfail": {},
    "crash": {},
    "postfail": {"postdeploy": "exit 6"},
    "missing": {},
}
OUTPUT = {
    "prefail": {"predeploy": " !     PRE-err\n       PRE-out\n"},
    "relfail": {"release": "       REL-out\n"},
}


def digest(name: str) -> str:
    """`sha256:…` of an image: as in the transcripts, or made from its name."""
    return f"sha256:{DIGESTS.get(name) or hashlib.sha256(name.encode()).hexdigest()}"


def reference(name: str, repository: str = REPOSITORY) -> str:
    """`repository@sha256:…`"""
    return f"{repository}@{digest(name)}"


def entry(name: str, **changes: Any) -> dict[str, Any]:
    """Of the catalogue: what an image does, as a file that the stand-in reads."""
    good = {"predeploy": f"echo PRE-{name}", "release": f"echo REL-{name}", "postdeploy": f"echo POST-{name}"}
    said = {
        "predeploy": f"       PRE-{name}\n",
        "release": f"       REL-{name}\n",
        "postdeploy": f"       POST-{name}\n",
    }
    made: dict[str, Any] = {
        "name": name,
        "behaviour": name if name in SCRIPTS else "good",
        "scripts": SCRIPTS.get(name, good),
        "output": OUTPUT.get(name, {} if name in SCRIPTS else said),
        "steps": {},
    } | changes
    if must := {"prefail": "predeploy", "relfail": "release", "postfail": "postdeploy"}.get(made["behaviour"]):
        made["scripts"] = {must: "exit 1"} | made["scripts"]
    tasks = {task: made["scripts"][task] for task in ("predeploy", "postdeploy") if made["scripts"].get(task)}
    manifest = {"name": name, "scripts": {"dokku": tasks}}
    return {"files": {"app.json": json.dumps(manifest) + "\n"}} | made
