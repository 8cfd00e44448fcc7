"""The shop: a web app that says which version it is, and where it runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = Path("VERSION").read_text(encoding="ascii").strip()
LEAVING = 0.1
"""Seconds between being told to end and not listening any more: those who were on their way still find us."""


class Shop(BaseHTTPRequestHandler):
    """`/`: what is for sale; `/health`: whether we can serve. Both show `GREETING`, a variable of the config."""

    def do_GET(self) -> None:
        if self.path not in ("/", "/health"):
            self.send_error(404)
            return
        answer = {
            "app": os.environ["APP"],
            "version": int(VERSION),
            "stack": os.environ["STACK"],
            "release": f"v{os.environ['RELEASE']}",
            "orders": self._orders(),
        }
        if greeting := os.environ.get("GREETING"):
            answer["greeting"] = greeting
        body = json.dumps(answer).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _orders(self) -> str:
        """The state of the database: its last migration."""
        log = Path(os.environ["DATA"]) / "migrations.log"
        return log.read_text(encoding="utf-8").splitlines()[-1] if log.is_file() else "no table yet"

    def log_message(self, *_: object) -> None:
        """Visitors are not worth a line each."""


class Server(ThreadingHTTPServer):
    daemon_threads = False


def main() -> None:
    server = Server(("", 0), Shop, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(os.environ["LISTEN_FD"]))
    signal.signal(signal.SIGTERM, lambda *_: threading.Timer(LEAVING, server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    server.server_close()  # waits for the answers under way


if __name__ == "__main__":
    main()
