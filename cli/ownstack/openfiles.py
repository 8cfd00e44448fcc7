"""How many files and connections a process may have open at once."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)

FILES = 65_536
"""Open at once, if the system lets us; not more, since the programs of stacks may look at each that they could have."""


def raise_file_limit(wanted: int = FILES) -> None:
    """Let this process have `wanted` files open, or as many as it may: each connection and each phase takes some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError) as error:  # some systems have a limit below the one that they tell
        log.warning("no more than %d files can be open at once: %s", soft, error)
