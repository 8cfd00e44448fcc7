"""A server that says what it is told to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TOKEN = "own_test"


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


@dataclass
class Answer:
    """status 0: break the connection off without a word. A str body is sent as a stream of events."""

    status: int
    body: Any = None


@dataclass
class Fake:
    """Answers of a path are given one after the other, the last one again and again."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    answers: dict[tuple[str, str], deque[Answer]] = field(default_factory=lambda: defaultdict(deque))

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, "/api/v1" + path].extend(answers)

    def next(self, method: str, path: str) -> Answer:
        waiting = self.answers.get((method, path))
        if not waiting:
            return problem(404, "not-told", f"The test says nothing of {method} {path}.")
        return waiting.popleft() if len(waiting) > 1 else waiting[0]

    def to(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == "/api/v1" + path]


def ok(body: Any) -> Answer:
    return Answer(200, body)


def page(*items: Any, after: str | None = None) -> Answer:
    return ok({"items": list(items), "next": after})


def problem(status: int, code: str, detail: str, hint: str | None = None, **more: Any) -> Answer:
    return Answer(status, {"code": code, "detail": detail, "hint": hint, **more})


def admitted(kind: str = "StackAdded", sequence: int = 7, rollout: str | None = None, name: str = "c1") -> Answer:
    return ok({"command": {**view(kind, name), "status": "admitted", "sequence": sequence, "rollout": rollout}})


def accepted(kind: str = "StackAdded", name: str = "c1") -> Answer:
    return Answer(202, {"command": view(kind, name)})


def view(kind: str, name: str) -> dict[str, Any]:
    told = {"id": name, "type": kind, "actor": "token:test", "at": 1, "status": "accepted"}
    return {**told, "sequence": None, "rollout": None, "code": None, "message": None, "hint": None}


def stream(*facts: dict[str, Any]) -> Answer:
    """Facts as server-sent events, after which the connection ends."""
    return Answer(200, "".join(f"id: {f['sequence']}\nevent: {f['type']}\ndata: {json.dumps(f)}\n\n" for f in facts))


def fact(sequence: int, kind: str, **data: Any) -> dict[str, Any]:
    told = {"sequence": sequence, "type": kind, "time": "2026-01-02T03:04:05.678Z", "input": "ownstack.commands/0/1"}
    return {**told, "actor": "token:test", "data": data}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        split = urlsplit(self.path)
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fake = self.server.fake
        fake.asked.append(
            Asked(self.command, split.path, split.query, dict(self.headers), json.loads(sent) if sent else None)
        )
        answer = fake.next(self.command, split.path)
        self.close_connection = True
        if answer.status == 0:
            return
        is_stream = isinstance(answer.body, str)
        body = answer.body.encode() if is_stream else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/event-stream" if is_stream else "application/json")
        self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        return


class _Server(ThreadingHTTPServer):
    fake: Fake


@contextmanager
def serving() -> Iterator[Fake]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.fake = Fake(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.fake
        finally:
            server.shutdown()
            thread.join()
