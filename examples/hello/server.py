"""Hello: the smallest web app that can be deployed. No release task, no post-deploy script, no data."""

from __future__ import annotations

import json
import os
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

VERSION = int(Path("VERSION").read_text(encoding="ascii"))


class Hello(BaseHTTPRequestHandler):
    """Greets whoever comes, on any path."""

    def do_GET(self) -> None:
        greeting = {"app": os.environ["APP"], "version": VERSION, "stack": os.environ["STACK"], "says": "hello"}
        body = json.dumps(greeting).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Visitors are not worth a line each."""


def main() -> None:
    server = HTTPServer(("", 0), Hello, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(os.environ["LISTEN_FD"]))
    server.serve_forever()


if __name__ == "__main__":
    main()
