"""The pages of health: alive, ready or why not, and figures."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from ownstack.exits import Failure
from ownstack.serve import health
from ownstack.serve.health import Ready, health_app, listen, serve_health


async def nothing() -> str | None:
    return None


async def something() -> str | None:
    return "Not joined yet: promoter."


async def silence() -> str | None:
    await asyncio.Event().wait()
    return None


async def asked(ready: Ready, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(health_app(ready))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        return await client.get(path)


async def test_it_is_ready_when_nothing_is_in_the_way() -> None:
    answer = await asked(nothing, "/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_what_is_in_the_way_is_said_and_it_is_alive_nevertheless() -> None:
    answer = await asked(something, "/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["detail"]) == ("not-ready", "Not joined yet: promoter.")
    assert (await asked(something, "/healthz")).status_code == 200


async def test_what_does_not_answer_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "READY_TIMEOUT", 0.01)
    answer = await asked(silence, "/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "What it depends on does not answer.")


async def test_figures_are_as_prometheus_reads_them() -> None:
    answer = await asked(nothing, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE python_info gauge" in answer.text


async def test_it_serves_until_cancelled_and_frees_its_address() -> None:
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    with pytest.raises(Failure) as refused:
        listen("127.0.0.1", port)
    assert (refused.value.code, "OWNSTACK_HEALTH_PORT" in str(refused.value.hint)) == ("cannot-listen", True)
    serving = asyncio.create_task(serve_health(listener, nothing))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    listener.close()
    listen("127.0.0.1", port).close()
