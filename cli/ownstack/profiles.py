"""Profiles: where a server is, and the token to speak to it, in a file that only its owner can read."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ownstack.exits import Exit, Failure

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Profile:
    """A server and the token for it; `team`: whose token it is, for people to read."""

    name: str
    url: str
    token: str | None = field(repr=False)
    team: str | None = None


@dataclass(frozen=True, slots=True)
class Profiles:
    """What the file holds. `default`: the profile that is used when none is named."""

    default: str | None = None
    by_name: Mapping[str, Profile] = field(default_factory=dict)


def profiles_path(environment: Mapping[str, str] = os.environ) -> Path:
    """`profiles.toml` in the user's configuration folder, as XDG has it."""
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "ownstack" / "profiles.toml"


def load(path: Path) -> Profiles:
    """Read the file; none is as good as an empty one. Raises Failure `profiles-unreadable`."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = document.get("profiles", {})
        found = {name: Profile(name, str(t["url"]), t.get("token"), t.get("team")) for name, t in tables.items()}
        return Profiles(document.get("default"), found)
    except FileNotFoundError:
        return Profiles()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError) as error:
        raise Failure(
            "profiles-unreadable",
            f"{path} can't be read: {error}.",
            hint="Mend it, or remove it and run `ownstack login`.",
            exit_code=Exit.UNAVAILABLE,
        ) from None


def save(path: Path, profile: Profile, *, make_default: bool = False) -> Profiles:
    """Put `profile` into the file, atomically; the file is for its owner only (0600, its folder 0700).

    make_default: use it from now on when none is named; the first profile is the default in any case.
    Raises Failure `profile-name` or `profiles-unwritable`.
    """
    if not _NAME.fullmatch(profile.name):
        hint = "Use lower case, digits and hyphens, at most 63."
        raise Failure("profile-name", f"{profile.name!r} is no name for a profile.", hint=hint, exit_code=Exit.USAGE)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        with _locked(path):
            known = load(path)
            merged = replace(known, by_name={**known.by_name, profile.name: profile})
            if make_default or merged.default not in merged.by_name:
                merged = replace(merged, default=profile.name)
            _write(path, _toml(merged))
            return merged
    except OSError as error:
        hint = "Give OWNSTACK_URL and OWNSTACK_TOKEN instead, or another XDG_CONFIG_HOME."
        raise Failure("profiles-unwritable", f"{path} can't be written: {error.strerror}.", hint=hint) from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two logins at once must not lose one of the two."""
    with (path.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, text: str) -> None:
    """mkstemp makes files with mode 0600: the token is never readable for others, not even for a moment."""
    handle, name = tempfile.mkstemp(prefix=".profiles-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _toml(profiles: Profiles) -> str:
    """A JSON string is a TOML basic string, once DEL is escaped."""
    lines = [] if profiles.default is None else [f"default = {_string(profiles.default)}"]
    for name, profile in profiles.by_name.items():
        lines += ["", f"[profiles.{_string(name)}]", f"url = {_string(profile.url)}"]
        lines += [f"token = {_string(profile.token)}"] if profile.token else []
        lines += [f"team = {_string(profile.team)}"] if profile.team else []
    return "\n".join(lines) + "\n"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def choose(environment: Mapping[str, str], named: str | None = None) -> Profile:
    """Which server to speak to. `named` (`--profile`) comes first, then OWNSTACK_URL, OWNSTACK_PROFILE, the default.

    A profile's token goes to the profile's own URL only. Raises Failure `profile-unknown` or `no-server`.
    """
    known = load(profiles_path(environment))
    url = environment.get("OWNSTACK_URL")
    token = environment.get("OWNSTACK_TOKEN")
    name = named or (None if url else environment.get("OWNSTACK_PROFILE")) or known.default
    if named is None and url:
        same = (p.token for p in known.by_name.values() if p.url.rstrip("/") == url.rstrip("/"))
        return Profile("environment", url, token or next(same, None))
    profile = known.by_name.get(name) if name else None
    if profile is None and name:
        hint = f"Known: {', '.join(known.by_name) or 'none'}. `ownstack login` makes one."
        raise Failure("profile-unknown", f"There is no profile {name!r}.", hint=hint, exit_code=Exit.USAGE)
    if profile is None:
        hint = "Start one with `ownstack up`, or `ownstack login URL` to use one that runs elsewhere."
        raise Failure("no-server", "It is not known which server to speak to.", hint=hint, exit_code=Exit.UNAVAILABLE)
    return profile if named or not token else replace(profile, token=token)
