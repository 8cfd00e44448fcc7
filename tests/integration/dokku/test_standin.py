"""The stand-in for Dokku answers as a real one did, and fails as a real one does: to a real client of SSH."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real.dokku.clients import deploy, drop, ended, started, through
from tests.real.dokku.host import words
from tests.real.dokku.machine import until
from tests.real.dokku.proxy import Proxy
from tests.real.dokku.recorded import recorded, replay
from tests.real.dokku.server import DokkuServer, new_server

LIVE = "com.dokku.docker-image-labeler/alternate-tags"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DokkuServer]:
    with new_server(tmp_path / "a server") as running:
        yield running


# as recorded


def test_it_answers_as_a_real_dokku_did(server: DokkuServer) -> None:
    """All that was recorded, in order: each case starts from the state that those before it left."""
    with server.connected():
        for case in recorded():
            replay(server, case)


# words


LINES = [
    "a 'b c' \"d\\e\" f\\ g \\'x \"it's\"",
    "a\tb  c\n d ",
    "a\"b\"c'd'e",
    "a '' \"\" b",
    'a "b\nc"',
    "a 'b",
    "a b\\",
]
LINES += ["a\\\nb", "ä 'ö ü' \\\\", "$HOME `id` $(id) ; * > x"]


@pytest.mark.parametrize("line", LINES)
def test_words_are_those_of_a_real_xargs(line: str) -> None:
    real = subprocess.run(["xargs", "printf", "<%s>"], input=line.encode(), capture_output=True, check=False)
    found, complaint = words.split(line)
    assert ("".join(f"<{word}>" for word in found), complaint) == (real.stdout.decode(), real.stderr.decode())


def test_what_goes_through_echo_loses_what_a_real_echo_takes_for_an_option() -> None:
    given = ["a", "-n", "-e", "-nE", "-x", "", "-", "--", "-en", "b c"]
    real = [subprocess.run(["/bin/echo", word], capture_output=True, check=True, text=True).stdout for word in given]
    assert words.echoed(given) == "".join(real).split("\n")[:-1]


def test_quotes_reach_the_command_as_xargs_leaves_them(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1")
    assert server.ask("run shop echo 'a  b' \"c'd\" e\\ f -n g").stdout == "a  b c'd e f g\n"
    assert server.commands() == ["run shop echo 'a  b' \"c'd\" e\\ f -n g"]


def test_docker_options_are_split_by_xargs_which_makes_123_of_a_failure(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1")
    assert server.ask("docker-options:add shop deploy \"--label='note=a b'\" -v /a:/b").returncode == 0
    assert server.options("shop") == ["'--label=note=a b'", "-v /a:/b"]
    done = server.ask("docker-options:add nope deploy --label=a=b")
    assert (done.returncode, done.stderr) == (123, " !     App nope does not exist\n")


# deployments that go wrong


@pytest.mark.parametrize("step", ["build", "release", "checks"])
def test_a_dropped_client_ends_the_work_and_frees_the_lock(server: DokkuServer, step: str) -> None:
    server.deploy_by_hand("shop", "v1")
    drop(server, f"git:from-image shop {server.image('v2')}", step)
    assert server.live("shop") == server.image("v1")
    left = server.image("v2") if step == "build" else server.image("v1")
    assert server.repository("shop") == left
    assert server.steps("shop")[-1]["step"] == "died"
    assert deploy(server, "shop", "v3").returncode == 0
    assert server.live("shop") == server.image("v3")


@pytest.mark.parametrize(("dropped", "left"), [("left", "v2"), ("back", "v1")])
def test_a_test_can_say_what_a_drop_leaves_in_the_repository(server: DokkuServer, dropped: str, left: str) -> None:
    server.set(dropped=dropped)
    server.deploy_by_hand("shop", "v1")
    drop(server, f"git:from-image shop {server.image('v2')}", "release")
    assert server.repository("shop") == server.image(left)
    assert [entry["event"] for entry in server.tasks("shop", "release")] == ["start"]
    assert [entry["event"] for entry in server.tasks("shop", "predeploy")] == ["start", "end"]


def test_work_that_comes_to_its_end_before_it_dies_is_live(server: DokkuServer) -> None:
    server.set(linger=1_000, seed=1)
    server.deploy_by_hand("shop", "v1")
    with server.held("release"):
        client = started(server, f"git:from-image shop {server.image('v2')}")
        server.await_step("shop", "release")
        client.kill()
        ended(client)
    server.await_quiet()
    assert server.live("shop") == server.repository("shop") == server.image("v2")


def test_a_frozen_network_leaves_the_work_alone(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1")
    with server.held("release"):
        client = started(server, f"git:from-image shop {server.image('v2')}")
        server.await_step("shop", "release")
        client.send_signal(signal.SIGSTOP)
    server.await_quiet()
    client.send_signal(signal.SIGCONT)
    assert ended(client)[0] == 0
    assert server.live("shop") == server.image("v2")


def test_a_failed_image_is_live_after_a_restart_once_its_task_does_not_fail_any_more(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1")
    server.set_behaviour("relfail", "relfail", times=1)
    assert deploy(server, "shop", "relfail").returncode == 1
    assert (server.live("shop"), server.repository("shop")) == (server.image("v1"), server.image("v1"))
    assert server.ask("ps:restart shop").returncode == 0
    assert (server.live("shop"), server.repository("shop")) == (server.image("relfail"), server.image("v1"))


def test_an_app_that_was_pushed_has_no_digest(server: DokkuServer) -> None:
    server.push_by_hand("pushed")
    server.push_by_hand("older", tags=None)
    assert json.loads(server.ask("ps:inspect pushed").stdout)[0]["Config"]["Labels"][LIVE] == '["dokku/pushed:latest"]'
    assert LIVE not in json.loads(server.ask("ps:inspect older").stdout)[0]["Config"]["Labels"]
    assert server.live("pushed") is server.live("older") is None
    assert deploy(server, "pushed", "v1").returncode == 0
    assert server.live("pushed") == server.image("v1")


def test_what_was_there_by_hand_stays(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1", config={"KEY": "value"}, options=["--label=team=blue", "-v /a:/b"])
    assert server.ask("docker-options:add shop deploy --label=ownstack.deployment=dep-1").returncode == 0
    assert server.deployment("shop") is None
    assert deploy(server, "shop", "v2").returncode == 0
    assert server.labels("shop") == {"team": "blue", "ownstack.deployment": "dep-1"}
    assert server.ask("docker-options:remove shop deploy --label=ownstack.deployment=dep-1").returncode == 0
    assert server.options("shop") == ["--label=team=blue", "-v /a:/b"]  # as it sorts them
    assert server.config("shop") == {"KEY": "value"}
    assert server.ask("config:keys shop").stdout.split() == ["GIT_REV", "KEY"]
    assert json.loads(server.ask("config:export --format json shop").stdout)["KEY"] == "value"
    tasks = server.tasks("shop", "release", "start")
    assert [(entry["image"], entry["deployment"]) for entry in tasks] == [(server.image("v2"), "dep-1")]


def test_a_lock_of_somebody_else_holds_against_a_deployment(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1")
    with server.deploy_lock("shop"):
        done = deploy(server, "shop", "v2")
    assert done.returncode == 1
    assert "deploy lock in place" in done.stdout
    assert (server.live("shop"), server.repository("shop")) == (server.image("v1"), server.image("v2"))


def test_a_winner_that_fails_puts_the_repository_back_by_one_commit_which_is_the_losers(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1")
    with server.held("release"):
        winner = started(server, f"git:from-image shop {server.image('relfail')}")
        server.await_step("shop", "release")
        assert deploy(server, "shop", "v2").returncode == 1
    assert ended(winner)[0] == 1
    assert (server.live("shop"), server.repository("shop")) == (server.image("v1"), server.image("relfail"))


def test_output_comes_while_a_command_runs(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1")
    with server.held("run"):
        client = started(server, "run shop sh -c 'echo first; sleep 0; echo last; exit 7'")
        assert client.stdout
        assert client.stdout.readline() == b"first\n"
        assert client.poll() is None
    assert ended(client) == (7, "last\n")


# sshd


def test_a_killed_server_loses_its_clients_and_comes_back_on_the_same_port(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1")
    port, before = server.port, server.sshd.fingerprint
    with server.held("build"):
        client = started(server, f"git:from-image shop {server.image('v2')}")
        server.await_step("shop", "build")
        server.kill()
        assert ended(client)[0] == 255
        assert server.ask("version").returncode == 255
        server.restart()
        assert server.ask("version").returncode == 0
        server.await_quiet()
    assert (server.port, server.sshd.fingerprint) == (port, before)
    assert server.live("shop") == server.image("v1")


def test_a_server_can_come_back_as_another_one(server: DokkuServer) -> None:
    command = server.ssh("version")  # whose client knows the first key
    before = server.sshd.fingerprint
    server.restart(new_host_key=True)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr or "IDENTIFICATION HAS CHANGED" in done.stderr
    assert server.sshd.fingerprint != before
    assert server.ask("version").returncode == 0


def test_who_is_not_authorized_is_not_let_in(server: DokkuServer) -> None:
    server.sshd.unauthorize()
    assert server.ask("version").returncode == 255
    assert server.commands() == []


def test_after_a_stop_nothing_is_left(server: DokkuServer) -> None:
    server.set(linger=1_000)
    server.deploy_by_hand("shop", "v1")
    with server.held("build"):
        client = started(server, f"git:from-image shop {server.image('v2')}")
        server.await_step("shop", "build")
        assert server.workers()
        assert server.sshd.sessions()
        server.stop()
        assert ended(client)[0] == 255
    assert not server.workers()
    assert not server.sshd.sessions()


def test_many_are_served_at_once(server: DokkuServer) -> None:
    names = [f"app-{number}" for number in range(8)]
    clients = [threading.Thread(target=server.ask, args=(f"apps:create {name}",)) for name in names]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert sorted(server.apps()) == names


# the network


async def test_a_proxy_passes_on_what_it_is_given(server: DokkuServer) -> None:
    async with Proxy(server.host, server.port) as proxy:
        proxy.slow(1)
        client = await through(server, proxy, "version")
        out, _ = await client.communicate()
        assert (client.returncode, out) == (0, b"dokku version 0.38.27\n")
        assert proxy.taken == 1
        await asyncio.to_thread(until, lambda: proxy.connections == 0, "an end of the connection")


async def test_a_proxy_drops_both_sides(server: DokkuServer) -> None:
    server.deploy_by_hand("shop", "v1")
    async with Proxy(server.host, server.port) as proxy:
        with server.held("build"):
            client = await through(server, proxy, f"git:from-image shop {server.image('v2')}")
            await asyncio.to_thread(server.await_step, "shop", "build")
            await proxy.drop()
            await client.communicate()
            await asyncio.to_thread(server.await_quiet)
        assert client.returncode == 255
        assert server.steps("shop")[-1]["step"] == "died"
        again = await through(server, proxy, "version")
        await again.communicate()
        assert again.returncode == 0


async def test_a_frozen_proxy_takes_connections_and_is_silent_until_it_thaws(server: DokkuServer) -> None:
    async with Proxy(server.host, server.port) as proxy:
        proxy.freeze()
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(4), 0.1)
        proxy.thaw()
        assert await reader.read(4) == b"SSH-"
        writer.close()
        await writer.wait_closed()


async def test_a_proxy_that_refuses_listens_again_on_the_same_port(server: DokkuServer) -> None:
    async with Proxy(server.host, server.port) as proxy:
        port = proxy.port
        await proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(proxy.host, port)
        await proxy.listen()
        assert proxy.port == port
        client = await through(server, proxy, "version")
        await client.communicate()
        assert client.returncode == 0
