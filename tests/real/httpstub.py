"""A small HTTP server in threads: it answers as a test says, or passes on to a real server and interferes."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_NOT_PASSED_ON = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length", "date"})


@dataclass(frozen=True, slots=True)
class Given:
    """A request that came in."""

    method: str
    path: str
    headers: Any
    content: bytes


@dataclass(slots=True)
class Reply:
    """What is answered. `drip`: what comes after the content, part by part; the length is not said then."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    drip: Iterator[bytes] | None = None


class Stub:
    """A server on a free port of this machine. `answer` may be replaced at any time; `given`: what has come in."""

    def __init__(self, answer: Callable[[Given], Reply] | None = None, context: ssl.SSLContext | None = None) -> None:
        self.answer = answer or (lambda given: Reply(404))
        self.given: list[Given] = []
        self.ending = threading.Event()
        self._server = _Server(self)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def host(self) -> str:
        """Where it is, with its port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Stub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, method: str, part: str = "") -> list[Given]:
        """The requests of a method with something in their path."""
        return [given for given in self.given if given.method == method and part in given.path]


def passed_on(host: str, given: Given) -> Reply:
    """What another server answers to this; it believes to have been asked by its own name only if it was."""
    connection = http.client.HTTPConnection(host, timeout=20)
    try:
        headers = {name: value for name, value in given.headers.items() if name.lower() not in _NOT_PASSED_ON}
        connection.request(given.method, given.path, given.content or None, headers)
        response = connection.getresponse()
        content = response.read()
        kept = {name: value for name, value in response.getheaders() if name.lower() not in _NOT_PASSED_ON}
        if given.method == "HEAD" and (length := response.getheader("Content-Length")):
            kept["Content-Length"] = length
        return Reply(response.status, kept, content)
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 50

    def __init__(self, stub: Stub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stub = stub

    def handle_error(self, *_: object) -> None:
        """Clients that go away are no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Nothing is said of requests."""

    def _handle(self) -> None:
        stub = self.server.stub
        given = Given(self.command, self.path, self.headers, self._content())
        stub.given.append(given)
        reply = stub.answer(given)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers and reply.drip is None:
            self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.content)
        if reply.drip is not None:
            self._drip(reply.drip)

    def _drip(self, parts: Iterator[bytes]) -> None:
        for part in parts:
            self.wfile.write(part)
            self.wfile.flush()
        self.close_connection = True

    def _content(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = _handle  # noqa: N815 - http.server's names
