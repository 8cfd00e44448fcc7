"""A canary for each way in which a value comes in: none of them is found in anything that was written or answered."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import orjson
import pytest
from tests.e2e.house import Ended, House

from ownstack_bus.connect import open_bus
from ownstack_bus.port import At
from ownstack_contracts.topics import TOPICS

IMAGE = f"registry.example/shop@sha256:{'a' * 64}"

LEAKY = """#!{python}
import json, os, sys
from pathlib import Path
# All that it is told it prints, wherever it can.
phase = sys.argv[1]
for name, value in os.environ.items():
    print(json.dumps({{name: value}}), file=sys.stderr)
    if phase != "look":
        print(f"{{name}}={{value}}")
live = Path({folder!r}) / f"{{os.environ['OWNSTACK_APP']}}@{{os.environ['OWNSTACK_STACK']}}.json"
if phase == "look":
    print(live.read_text() if live.exists() else "null")
if phase == "restart":
    told = {{"image": "IMAGE", "deployment": "DEPLOYMENT", "team": "TEAM", "app_id": "APP_ID"}}
    numbers = {{"generation": "GENERATION", "release": "RELEASE"}}
    found = {{k: os.environ["OWNSTACK_" + v] for k, v in told.items()}}
    found |= {{k: int(os.environ["OWNSTACK_" + v]) for k, v in numbers.items()}}
    live.write_text(json.dumps(found))
if phase == "remove":
    live.unlink(missing_ok=True)
if phase == "release-task" and (Path({folder!r}) / "fail").exists():
    sys.exit(os.environ.get("OWNSTACK_CONFIG_SET") or 1)
"""
"""A stack's program that is as careless with what it is told as can be."""


def canary(way: str) -> str:
    """A value that stands nowhere else."""
    return f"canary-{way}-{secrets.token_hex(12)}"


class Canaries(dict[str, str]):
    """By the way in which they came in."""

    def __missing__(self, way: str) -> str:
        self[way] = canary(way)
        return self[way]

    def forms(self) -> Iterator[tuple[str, bytes]]:
        """Each as it is, and as it would be easy to read."""
        for way, value in self.items():
            plain = value.encode()
            yield way, plain
            yield f"{way}, base64", base64.b64encode(plain)[:-4]
            yield f"{way}, hex", plain.hex().encode()
            yield f"{way}, quoted", quote(value, safe="").encode()

    def found_in(self, text: bytes) -> list[str]:
        """The ways of those that are in it."""
        return [way for way, form in self.forms() if form in text]


@pytest.fixture
def team(own_house: House, tmp_path: Path) -> House:
    """A house with a stack whose program tells everything, and apps on it."""
    own_house.start()
    folder = tmp_path / "stack"
    folder.mkdir()
    program = folder / "leaky"
    program.write_text(LEAKY.format(python=sys.executable, folder=str(folder)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for stack in ("eu-1", "review-1"):
        own_house.right("stack", "add", stack, "--address", str(program))
    for app in ("shop", "shop-staging"):
        own_house.right("app", "create", app, "--stack", "eu-1")
    own_house.right("app", "pipeline", "create", "shop")
    own_house.right("app", "pipeline", "add-staging", "shop", "shop-staging")
    return own_house


class Told:
    """All that the CLI and the API have said."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.said: list[str] = []

    def typed(self, *words: str) -> Ended:
        """A command of the CLI, whatever comes of it."""
        ended = self.house.ownstack(*words)
        self.said += [ended.out, ended.err]
        return ended

    def client(self) -> httpx.Client:
        """As the team, for the API."""
        profile = next(self.house.folder.rglob("profile*.toml"), None) or next(self.house.folder.rglob("*.toml"))
        token = next(word.strip("\"' ") for word in profile.read_text().split() if "own_" in word)
        url = f"http://127.0.0.1:{self.house.port}"
        return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30)

    def asked(self, client: httpx.Client, method: str, path: str, **more: object) -> httpx.Response:
        """A request to the API, whatever comes of it."""
        response = client.request(method, path, **more)  # type: ignore[arg-type]
        self.said += [response.text, str(response.headers), str(response.url)]
        return response


def come_in(told: Told, canaries: Canaries, folder: Path) -> None:
    """Every way in which a value comes in, also those that are refused."""
    house = told.house
    assert told.typed("config:set", "shop", f"SET={canaries['set']}", "--no-deploy").code == 0
    told.typed("config:set", "shop", "--stack", "eu-1", f"OWN={canaries['stack']}", "--no-deploy")
    told.typed("config:set", "shop", "--review", f"REVIEW={canaries['review']}")
    told.typed("config:set", "shop", "--plain", f"PLAIN={canaries['not-secret']}", "--no-deploy")
    told.typed("config:set", "shop", f"not a name={canaries['bad-name']}")
    told.typed("config:set", "nobody", f"A={canaries['no-app']}")
    told.typed("config:set", "shop", "--stack", "review-1", f"A={canaries['no-stack']}")
    file = folder / "pushed.env"
    file.write_text(f"PUSHED='{canaries['push']}'\nLINES=\"first line of it\n{canaries['second-line']}\"\n")
    assert told.typed("config:push", f"--file={file}", "--app", "shop-staging", "--app", "shop").code == 0
    file.write_text(f"GOOD=1\nthis is no line {canaries['bad-file']}\n")
    told.typed("config:push", f"--file={file}", "--app", "shop")
    file.unlink()
    assert house.ownstack("config:get", "shop", "SET").out.strip() == canaries["set"]


def work(told: Told, canaries: Canaries, folder: Path) -> None:
    """What is done with values: deployments that end well and badly, commands, clones."""
    assert told.typed("deploy", "shop", "--image", IMAGE).code == 0
    told.typed("config:set", "shop", f"CHANGED={canaries['changed']}")
    (folder / "fail").touch()
    assert told.typed("config:set", "shop", f"FAILED={canaries['failed']}").code == 1
    (folder / "fail").unlink()
    told.typed("retry", "shop", "--stack", "eu-1")
    told.typed("run", "shop", "--stack", "eu-1", "--", "env")
    told.typed("app", "clone", "shop", "copy", "--stack=review-1", "--with-secrets", "--deploy")
    told.typed("logs", "shop")
    told.typed("logs", "copy")
    told.typed("config", "shop")
    told.typed("config:diff", "shop", "shop-staging")
    told.typed("config:unset", "shop", "PUSHED")
    told.typed("app", "destroy", "copy", "--force")


def webhook(told: Told, client: httpx.Client, canaries: Canaries) -> None:
    """A pull request opens, and a body that is not signed comes."""
    image = "registry.example/shop:pr-{number}-{sha}"
    told.typed("app", "pipeline", "review-apps", "shop", "--stack", "review-1", "--image", image, "--with-secrets")
    secret = client.post("/api/v1/pipelines/shop/webhook", json={"secret": canaries["hook"]})
    assert secret.status_code == 201, secret.text
    body = (Path(__file__).parents[1] / "fixtures" / "github" / "pull_request.opened.json").read_bytes()
    signed = hmac.new(canaries["hook"].encode(), body, hashlib.sha256).hexdigest()
    about = {"X-GitHub-Event": "pull_request", "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signed}", **about}
    assert told.asked(client, "POST", "/webhooks/github", content=body, headers=headers).status_code in (200, 202)
    unsigned = orjson.dumps({"zen": canaries["unsigned"]})
    assert told.asked(client, "POST", "/webhooks/github", content=unsigned, headers=headers).status_code == 401


def refused(told: Told, client: httpx.Client, canaries: Canaries) -> None:
    """Bodies that the API does not take."""
    config = "/api/v1/apps/shop/config"
    for body in (
        {"values": {"A": canaries["extra"]}, "more": 1},
        {"values": {f"A={canaries['name']}": "1"}},
        {"values": {"A": [canaries["type"]]}},
        {"values": {"A": canaries["nul"] + "\0"}},
        {"values": {"A": canaries["long"] + "x" * 70_000}},
        {"values": canaries["values"]},
    ):
        assert told.asked(client, "PATCH", config, json=body).status_code in (413, 422)
    broken = f'{{"values": {{"A": "{canaries["json"]}"'.encode()
    json = {"Content-Type": "application/json"}
    assert told.asked(client, "PATCH", config, content=broken, headers=json).status_code == 400
    plain = {"type": "ConfigSet", "data": {"app": "shop", "app_id": "shop.3", "values": {"A": canaries["command"]}}}
    assert told.asked(client, "POST", "/api/v1/commands", json=plain).status_code == 422


def answers(told: Told, client: httpx.Client) -> None:
    """Everything that can be asked for, and that needs no more than the name of an app."""
    schema = client.get("/openapi.json").json()
    names = {"{app}": "shop", "{stack}": "eu-1", "{production}": "shop"}
    for path, operations in schema["paths"].items():
        for name, value in names.items():
            path = path.replace(name, value)  # noqa: PLW2901
        if "get" in operations and "{" not in path and not path.endswith(("/events", "/stream")):
            with client.stream("GET", path, params={"limit": 200} if "limit" in str(operations["get"]) else {}) as got:
                if got.headers.get("content-type", "").startswith("text/event-stream"):
                    continue
                told.said.append(got.read().decode())


async def records(data: Path) -> bytes:
    """All that stands on the bus."""
    bus = await open_bus(f"sqlite:///{data / 'ownstack.db'}")
    found = []
    try:
        for topic in TOPICS:
            for partition in range(await bus.partitions(topic)):
                end = await bus.end(topic, partition)
                async for record in bus.read(topic, partition, At(offset=0), end):
                    found += [record.value, repr(record.headers).encode(), record.key.encode()]
    finally:
        await bus.close()
    return b"\n".join(found)


def test_no_value_is_written_or_told_anywhere(team: House, tmp_path: Path) -> None:
    canaries, told = Canaries(), Told(team)
    come_in(told, canaries, tmp_path)
    work(told, canaries, tmp_path / "stack")
    with told.client() as client:
        webhook(told, client, canaries)
        refused(told, client, canaries)
        answers(told, client)
    assert canaries.found_in("\n".join(told.said).encode()) == []
    assert "[SET]" in "".join(told.said), "what a release task printed of it is masked in its log"
    team.signal(signal.SIGTERM)
    assert team.wait() == 0
    for file in (file for file in team.folder.rglob("*") if file.is_file()):
        assert canaries.found_in(file.read_bytes()) == [], file
    assert canaries.found_in(asyncio.run(records(team.data))) == []
