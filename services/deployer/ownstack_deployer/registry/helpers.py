"""Credential helpers of Docker: programs that keep what its config file does not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator

import orjson

from ownstack_deployer.registry.trouble import Trouble

PATIENCE = 10.0
"""Seconds that a helper may take."""
MOST_BYTES = 64 << 10
"""Of an answer."""
POLL = 0.05
"""Seconds between two looks whether it has ended, while it prints nothing."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_NONE = b"credentials not found"
"""What a helper prints when it has none."""


async def ask(helper: str, server: str) -> tuple[str, str] | None:
    """User and secret, as `docker-credential-HELPER get` has them; None: it has none for this server.

    Raises Trouble `credentials-unusable`.
    """
    program = shutil.which(f"docker-credential-{helper}") if _NAME.fullmatch(helper) else None
    if program is None:
        raise _unusable(helper, "is not there: it has to be on the PATH of the deployer")
    try:
        code, printed = await asyncio.to_thread(_run, program, server, time.monotonic() + PATIENCE)
    except TimeoutError:
        raise _unusable(helper, f"does not answer within {PATIENCE:.0f} s") from None
    except OSError as error:
        raise _unusable(helper, f"can't be run: {error.strerror}") from None
    if code:
        if _NONE in printed:
            return None
        raise _unusable(helper, f"failed with exit code {code}. Run it by hand: it says why")
    return _read(helper, printed)


def _run(program: str, server: str, until: float) -> tuple[int, bytes]:
    """Its exit code and what it printed, as far as that can be an answer. Raises TimeoutError, OSError.

    In a thread, and not by asyncio, which waits for the end of an output that others may hold open for ever.
    """
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603 - found by its name, on our PATH
        [program, "get"], stdin=pipe, stdout=pipe, stderr=null, start_new_session=True, bufsize=0
    )
    assert process.stdin
    assert process.stdout
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(f"{server}\n".encode())
        process.stdin.close()
        printed = b"".join(_parts(process, process.stdout.fileno(), until))
        if len(printed) >= MOST_BYTES:
            return -1, b""
        return process.wait(max(until - time.monotonic(), 0)), printed
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        with contextlib.suppress(ProcessLookupError):  # it, and all that it has started
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


def _parts(process: subprocess.Popen[bytes], output: int, until: float) -> Iterator[bytes]:
    """What it prints, until it has ended, or has printed more than an answer can be."""
    most = MOST_BYTES
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while most > 0:
            ended = process.poll() is not None
            if selector.select(0 if ended else POLL):
                part = os.read(output, most)
                if not part:
                    return
                most -= len(part)
                yield part
            elif ended:
                return
            if time.monotonic() > until:
                raise TimeoutError


def _read(helper: str, printed: bytes) -> tuple[str, str] | None:
    try:
        answer = orjson.loads(printed)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict) or not isinstance(secret := answer.get("Secret"), str):
        raise _unusable(helper, "does not answer as a helper of Docker does")
    user = answer.get("Username")
    return (user, secret) if isinstance(user, str) and user and secret else None


def _unusable(helper: str, what: str) -> Trouble:
    return Trouble("credentials-unusable", f"The credential helper docker-credential-{helper[:100]} {what}.")
