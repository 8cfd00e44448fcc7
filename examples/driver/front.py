"""The front of an app on a stack: a port that stays, from which each connection goes to whatever server is live now.

    python front.py LIVE_FILE      (listens on the descriptor LISTEN_FD)

The traffic turns when the live file is replaced: by one rename, for all that comes after it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import sys
import threading
import time
from pathlib import Path

NOTHING = b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 22\r\n\r\nNothing is live here.\n"
TRIES = 20
PAUSE = 0.05


class Connection(socketserver.BaseRequestHandler):
    """One visitor."""

    def handle(self) -> None:
        server = connect(Path(sys.argv[1]))
        if server is None:
            self.request.sendall(NOTHING)
            return
        with server:
            back = threading.Thread(target=copy, args=(self.request, server), daemon=True)
            back.start()
            copy(server, self.request)
            with contextlib.suppress(OSError):  # the visitor has gone already
                self.request.shutdown(socket.SHUT_RD)
            back.join()


def connect(live: Path) -> socket.socket | None:
    """To the server that is live; the file is read again when that one has just gone. None: nothing is live."""
    for _ in range(TRIES):
        try:
            port = json.loads(live.read_text(encoding="utf-8"))["port"]
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except FileNotFoundError:
            return None
        except ConnectionRefusedError:
            time.sleep(PAUSE)
    return None


def copy(source: socket.socket, target: socket.socket) -> None:
    """All that `source` says, until it has said all, or one of the two is gone."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class Front(socketserver.ThreadingTCPServer):
    daemon_threads = True


def main() -> None:
    with Front(("", 0), Connection, bind_and_activate=False) as front:
        front.socket.close()
        front.socket = socket.socket(fileno=int(os.environ["LISTEN_FD"]))
        front.serve_forever()


if __name__ == "__main__":
    main()
