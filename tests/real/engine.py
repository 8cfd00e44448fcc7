"""Whether a Docker engine answers: asked plainly, since the library leaves sockets open where none does."""

from __future__ import annotations

import os
import socket
from urllib.parse import urlsplit

SOCKET = "unix:///var/run/docker.sock"
PATIENCE_S = 5.0


def engine_answers() -> bool:
    """Whether something says OK to a ping at DOCKER_HOST, or at the usual socket."""
    host = urlsplit(os.environ.get("DOCKER_HOST", SOCKET))
    family = socket.AF_UNIX if host.scheme == "unix" else socket.AF_INET
    address = host.path if host.scheme == "unix" else (host.hostname or "127.0.0.1", host.port or 2375)
    try:
        with socket.socket(family) as asked:
            asked.settimeout(PATIENCE_S)
            asked.connect(address)
            asked.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in asked.recv(200)
    except OSError:
        return False
