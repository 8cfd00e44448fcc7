"""The shop's post-deploy script: tells the search engine, once, that there is a new version."""

from __future__ import annotations

import os
import sys
from pathlib import Path

with (Path(os.environ["DATA"]) / "announced.log").open("a", encoding="utf-8") as log:
    log.write(f"{os.environ['APP']} v{os.environ['RELEASE']}\n")
sys.stdout.write("announced\n")
