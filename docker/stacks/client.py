"""Hands a phase to the agent of the stacks and ends as it ended: `client.py PHASE`, told what a program is told.

The agent's program writes into our own standard output and error, and holds the lock of the place (descriptor 3) for as
long as it lives, whatever becomes of us. SIGTERM is passed on. OWNSTACK_SETTING_AGENT: the agent's socket.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

AGENT = "/run/ownstack/stacks/agent.sock"
LOCK = 3
END = b"T"


def main(arguments: list[str]) -> int:
    descriptors = [1, 2, *([LOCK] if Path(f"/proc/self/fd/{LOCK}").exists() else [])]  # before we open any ourselves
    with socket.socket(socket.AF_UNIX) as agent:
        try:
            agent.connect(os.environ.get("OWNSTACK_SETTING_AGENT") or AGENT)
        except OSError as error:
            sys.stderr.write(
                f"The stacks can't be reached: {error}. Are they up? docker compose --profile demo up -d\n"
            )
            return 69

        def pass_on(_number: int, _frame: FrameType | None) -> None:
            agent.sendall(END)

        signal.signal(signal.SIGTERM, pass_on)
        request = json.dumps({"arguments": arguments, "environment": dict(os.environ)}).encode()
        socket.send_fds(agent, [len(request).to_bytes(4, "big")], descriptors)
        agent.sendall(request)
        answer = agent.recv(4)
    if len(answer) < 4:
        sys.stderr.write("The agent of the stacks has gone; nobody knows how the phase ended.\n")
        return 70
    return int.from_bytes(answer, "big")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
