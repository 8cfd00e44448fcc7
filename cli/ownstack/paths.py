"""Names that somebody typed, as segments of the paths that the server is asked for."""

from __future__ import annotations

import re
from urllib.parse import quote

from ownstack.exits import Exit, Failure

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
"""What a name or an id is made of, wherever one stands in a path; the server knows the rules of each kind."""


def segment(name: str) -> str:
    """A name as one segment of a path. Raises Failure `name-invalid` if nothing can be called so.

    Asking for it would not do: a slash, also an escaped one, leads to another path, and so do `.` and `..`.
    """
    if not _NAME.fullmatch(name):
        hint = "Names have lower case letters, digits and hyphens, at most 63."
        raise Failure("name-invalid", f"{name!a} is not a valid name.", hint=hint, exit_code=Exit.USAGE)
    return quote(name, safe="")
