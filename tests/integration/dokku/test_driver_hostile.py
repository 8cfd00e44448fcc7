"""The dokku driver before a server that is broken, or means ill: it neither stalls all else nor takes all memory."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncssh
import pytest
from tests.integration.dokku.driving import APP, Kept, Stand

from ownstack_contracts.jobs import Live
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.dokku import inspecting
from ownstack_deployer.drivers.dokku.remote import CHUNK, Answer, Running
from ownstack_deployer.drivers.output import Lines
from ownstack_deployer.drivers.port import PhaseFailed

Process = asyncssh.SSHServerProcess[bytes]
SLACK = 512 * 1024
"""Bytes that may be on their way: in windows, and in the buffers of two ends and of the system between them."""
TAGS = "com.dokku.docker-image-labeler/alternate-tags"


class Open(asyncssh.SSHServer):
    """Lets anybody in."""

    def begin_auth(self, username: str) -> bool:
        """As asyncssh asks."""
        return False


class Hostile:
    """Answers each command as the test says, by its first word; all else ends well and says nothing."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[Process], Awaitable[None]]] = {}
        self.sent = 0
        self.commands: list[str] = []
        self.gone = asyncio.Event()

    async def answer(self, process: Process) -> None:
        """Answer a command."""
        self.commands.append(process.command or "")
        try:
            if act := self.answers.get(self.commands[-1].partition(" ")[0]):
                await act(process)
            else:
                process.exit(0)
        except (OSError, asyncssh.Error):
            self.gone.set()

    def floods(self, word: str, stream: str = "stdout", piece: bytes = b"x\n") -> None:
        """From now on it never stops to say this."""

        async def flood(process: Process) -> None:
            while True:
                getattr(process, stream).write(piece * (16_384 // len(piece)))
                await getattr(process, stream).drain()
                self.sent += 16_384

        self.answers[word] = flood

    def says(self, word: str, out: str = "", errors: str = "", exit_code: int = 0) -> None:
        """From now on it says this."""

        async def say(process: Process) -> None:
            process.stdout.write(out.encode())
            process.stderr.write(errors.encode())
            process.exit(exit_code)

        self.answers[word] = say

    def holds(self, labels: Mapping[str, object]) -> None:
        """A container with these labels."""
        self.says("ps:inspect", json.dumps([{"Config": {"Image": "dokku/shop:latest", "Labels": labels}}]))


@asynccontextmanager
async def standing(folder: Path, hostile: Hostile, **options: Any) -> AsyncIterator[Stand]:
    """A driver before it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[key],
        server_factory=Open,
        process_factory=hostile.answer,
        encoding=None,
        **options,
    )
    sshd = SimpleNamespace(host_key=key.export_public_key().decode(), authorize=lambda line: None)
    fake: Any = SimpleNamespace(sshd=sshd, user="dokku", host="127.0.0.1", port=server.get_port())
    try:
        yield Stand(fake, folder)
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def hostile() -> Hostile:
    return Hostile()


@pytest.fixture
async def stand(tmp_path: Path, hostile: Hostile) -> AsyncIterator[Stand]:
    async with standing(tmp_path, hostile) as stand:
        yield stand


async def is_cut_off(hostile: Hostile) -> None:
    """The driver has closed the connection, instead of reading on."""
    async with asyncio.timeout(10):
        await hostile.gone.wait()


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_look_that_never_ends_is_cut_off(stand: Stand, hostile: Hostile, stream: str) -> None:
    hostile.floods("ps:inspect", stream)
    async with stand.place(stand.looking()) as place:
        with pytest.raises(PhaseFailed) as failed:
            await place.look(stand.log, now() + 60)
        await is_cut_off(hostile)  # while the place is held still
    assert failed.value.code == "look-unreadable"
    assert hostile.sent < (inspecting.MOST_SIGHT if stream == "stdout" else 0) + SLACK


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_any_other_answer_that_never_ends_is_cut_off(stand: Stand, hostile: Hostile, stream: str) -> None:
    hostile.floods("config:keys", stream, b"A_KEY ")
    hostile.holds({})
    async with stand.place(stand.looking(config=True)) as place:
        with pytest.raises(PhaseFailed) as failed:
            await place.config_keys(now() + 60)
        await is_cut_off(hostile)
    assert failed.value.code == "dokku-failed"
    assert hostile.sent < SLACK


@pytest.mark.parametrize(("word", "code"), [("docker-options:report", "dokku-failed"), ("apps:create", "dokku-failed")])
async def test_a_deployment_whose_preparation_never_ends_is_cut_off(
    stand: Stand, hostile: Hostile, word: str, code: str
) -> None:
    hostile.says("ps:inspect", exit_code=20)
    hostile.floods(word, piece=b"\n")
    outcome = await stand.attempts(stand.deploy("v1"))
    await is_cut_off(hostile)
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began, outcome.failure.in_doubt) == (code, False, False)


async def test_a_check_whose_answer_never_ends_is_cut_off(stand: Stand, hostile: Hostile) -> None:
    hostile.floods("version")
    assert (await stand.driver.check(stand.checking(), now() + 60)).code == "not-dokku"
    await is_cut_off(hostile)


async def test_an_app_json_that_never_ends_is_cut_off(stand: Stand, hostile: Hostile) -> None:
    hostile.floods("run")
    async with stand.place(stand.postdeploy("v1")) as place:
        with pytest.raises(PhaseFailed) as failed:
            await place.post_deploy(stand.log)
    await is_cut_off(hostile)
    assert failed.value.code == "app-json-unreadable"


async def test_an_app_json_that_is_too_deep_is_told(stand: Stand, hostile: Hostile) -> None:
    hostile.says("run", "[" * 60_000)
    async with stand.place(stand.postdeploy("v1")) as place:
        with pytest.raises(PhaseFailed) as failed:
            await place.post_deploy(stand.log)
    assert failed.value.code == "app-json-unreadable"


async def test_a_thousand_names_of_config_variables_are_told_at_most(stand: Stand, hostile: Hostile) -> None:
    hostile.holds({})
    hostile.says("config:keys", "\n".join(f"A{number}" for number in range(9_000)))
    async with stand.place(stand.looking(config=True)) as place:
        keys = await place.config_keys(now() + 60)
    assert keys == [f"A{number}" for number in range(1_000)]


@pytest.mark.parametrize("tags", ["[" * 60_000, '["\\ud800"]', '["\ud800"]', "[" + '"x",' * 300_000 + '"x"]'])
async def test_names_of_an_image_that_make_no_sense_are_none(stand: Stand, hostile: Hostile, tags: str) -> None:
    hostile.holds({TAGS: tags, "ownstack.team": "\udfff"})
    assert await stand.looks() == Live(reference="dokku/shop:latest")


async def test_what_is_seen_is_read_beside_the_event_loop(
    stand: Stand, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = inspecting.sight_of
    threads: list[threading.Thread] = []

    def recorded(answer: Answer, app: str) -> inspecting.Sight:
        threads.append(threading.current_thread())
        return read(answer, app)

    monkeypatch.setattr(inspecting, "sight_of", recorded)
    hostile.holds({})
    await stand.looks()
    assert threading.current_thread() not in threads
    assert len(threads) == 1


@pytest.mark.parametrize(
    "options",
    [{"kex_algs": ["diffie-hellman-group-exchange-sha256"]}, {"compression_algs": ["zlib@openssh.com"]}],
    ids=["group", "compression"],
)
async def test_a_server_that_would_have_us_count_or_unpack_without_bounds_is_not_talked_to(
    tmp_path: Path, hostile: Hostile, options: dict[str, Any]
) -> None:
    async with standing(tmp_path, hostile, **options) as stand:
        with pytest.raises(PhaseFailed) as failed:
            await stand.looks()
        assert failed.value.code == "ssh-failed"
        assert hostile.commands == []


class Flood:
    """A stream that always has more to read at once, until so many chunks were read."""

    def __init__(self, chunks: int, piece: bytes) -> None:
        self.left = chunks
        self._piece = piece

    async def read(self, most: int) -> bytes:
        """As a stream of asyncssh; it does not wait."""
        assert most == CHUNK
        self.left -= 1
        return self._piece * (most // len(self._piece)) if self.left >= 0 else b""

    async def wait_closed(self) -> None:
        """The process has ended."""


@pytest.mark.parametrize("piece", [b"\n", b"a line of some length\n", b"x"])
async def test_a_flood_lets_all_else_have_its_turn(piece: bytes) -> None:
    flood = Flood(100, piece)
    process: Any = SimpleNamespace(stdout=flood, wait_closed=flood.wait_closed, returncode=0)
    turns: list[int] = []

    async def others() -> None:
        while flood.left > 0:
            turns.append(flood.left)
            await asyncio.sleep(0)

    taking_turns = asyncio.create_task(others())
    assert await Running(process).pass_on(Lines(Kept())) == 0
    await taking_turns
    assert len(set(turns)) >= 99  # between any two chunks


class Slow:
    """A log that takes its time, and counts the lines that it was given."""

    def __init__(self) -> None:
        self.count = 0

    async def write(self, lines: Sequence[str]) -> None:
        """As the port says."""
        self.count += len(lines)
        for _ in range(20):
            await asyncio.sleep(0)


async def test_of_what_a_command_says_little_is_kept_that_was_not_read_yet(stand: Stand, hostile: Hostile) -> None:
    line = b"x" * 1_023 + b"\n"
    hostile.holds({})
    hostile.floods("run", piece=line)
    log = Slow()
    async with stand.place(stand.command("true")) as place:
        running = asyncio.create_task(place.run(["true"], log))
        async with asyncio.timeout(60):
            while log.count < 4_096:
                await asyncio.sleep(0)
        assert hostile.sent - log.count * len(line) < SLACK
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_deployment_that_floods_lets_all_else_have_its_turn_and_ends(stand: Stand, hostile: Hostile) -> None:
    async def deploy(process: Process) -> None:
        for _ in range(64):
            process.stdout.write(b"\n" * 8_192 + b"x\n" * 4_096)
            await process.stdout.drain()
        process.exit(1)

    hostile.says("ps:inspect", exit_code=20)
    hostile.says("docker-options:report", "       Docker options deploy:\n")
    hostile.answers["git:from-image"] = deploy
    outcome = await stand.attempts(stand.deploy("v1"))
    assert outcome.code == "dokku-failed"
    assert stand.log.lines.count("x") == 64 * 4_096
    assert any(line.startswith("apps:create " + APP) for line in hostile.commands)
