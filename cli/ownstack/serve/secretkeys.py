"""The secret key as a process is given it: by its environment, or in a file."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from ownstack.exits import Exit, Failure
from ownstack.serve.settings import SecretKeySettings
from ownstack_vault import SecretKeys, VaultUnusable


def keys_given(settings: SecretKeySettings) -> SecretKeys | None:
    """The present key, and earlier ones; None: none. Raises Failure `secret-key-invalid`, `secret-key-file`."""
    present = _text("OWNSTACK_SECRET_KEY", settings.secret_key, settings.secret_key_file)
    if present is None:
        return None
    old = _text("OWNSTACK_SECRET_KEY_OLD", settings.secret_key_old, settings.secret_key_old_file)
    return parsed(present, old or "", "OWNSTACK_SECRET_KEY or OWNSTACK_SECRET_KEY_OLD")


def keys_needed() -> SecretKeys:
    """As `keys_given`, of the environment. Raises Failure `secret-key-missing` as well."""
    found = keys_given(SecretKeySettings())
    if found is None:
        hint = "Make one, once, for all of them (ownstack secret new); keep a copy of it apart from the database's."
        message = "Neither OWNSTACK_SECRET_KEY nor OWNSTACK_SECRET_KEY_FILE gives the key that config is sealed with."
        raise Failure("secret-key-missing", message, hint=hint, exit_code=Exit.USAGE)
    return found


def parsed(present: str, old: str, where: str) -> SecretKeys:
    """The keys that these texts are. where: they come from. Raises Failure `secret-key-invalid`."""
    try:
        return SecretKeys.parse(present, old)
    except VaultUnusable as error:
        raise Failure(error.code, f"{where}: {error.message}", hint=error.hint, exit_code=Exit.USAGE) from None


def _text(variable: str, given: SecretStr | None, file: Path | None) -> str | None:
    if given is not None and given.get_secret_value().strip():
        return given.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").replace("\n", ",").strip(", ")
    except (OSError, UnicodeDecodeError) as error:
        why = error if isinstance(error, OSError) else f"{file} is no text in UTF-8"
        hint = "Name a file that this user may read."
        raise Failure("secret-key-file", f"{variable}_FILE: {why}.", hint=hint, exit_code=Exit.USAGE) from None
