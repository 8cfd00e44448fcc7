"""Brokers of a real Kafka as processes of this machine: what takes Java and Maven, and no container.

The jars are those of tests/real/broker/pom.xml, resolved once into build/kafka.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
POM = ROOT / "tests" / "real" / "broker" / "pom.xml"
LOG4J = ROOT / "tests" / "real" / "broker" / "log4j2.xml"
LIBS = ROOT / "build" / "kafka" / "libs"
STARTING_S = 60.0
STOPPING_S = 60.0


def possible() -> bool:
    """Whether this machine can run brokers."""
    return shutil.which("java") is not None and (LIBS.exists() or shutil.which("mvn") is not None)


@cache
def class_path() -> str:
    """Where the jars are; they are fetched first, if need be, by one process at a time. Raises CalledProcessError."""
    LIBS.parent.mkdir(parents=True, exist_ok=True)
    with LIBS.with_suffix(".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (LIBS / ".complete").exists():
            command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={LIBS}"]
            subprocess.run(command, check=True)
            (LIBS / ".complete").touch()
    return f"{LIBS}/*"


def free_port() -> int:
    """A port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass(slots=True)
class Broker:
    """One broker, which is also a controller. `settings`: beside those that all have."""

    number: int
    folder: Path
    client_port: int
    controller_port: int
    settings: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self.launch()
        self.await_answer()

    def launch(self) -> None:
        """Start it; where it is one of several it answers only once most of them were started."""
        log = (self.folder / "broker.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [
                    "java",
                    "-Xmx512m",
                    "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1",
                    f"-Dlog4j2.configurationFile={LOG4J}",
                    "-cp",
                    class_path(),
                    "kafka.Kafka",
                    str(self.properties),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal is for the tests, which end it then
            )

    def await_answer(self) -> None:
        """Wait until it takes connections."""
        assert self.process
        deadline = time.monotonic() + STARTING_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = (self.folder / "broker.log").read_text(errors="replace")[-2_000:]
                raise RuntimeError(f"broker {self.number} does not start:\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it stand still."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    @property
    def properties(self) -> Path:
        """Its configuration."""
        return self.folder / "server.properties"

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            try:
                self.process.wait(STOPPING_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.client_port), timeout=1):
                return True
        except OSError:
            return False


@dataclass(slots=True)
class Cluster:
    """Brokers that know each other. `servers`: where clients begin."""

    brokers: list[Broker] = field(default_factory=list)

    @property
    def servers(self) -> str:
        """`host:port,…`"""
        return ",".join(f"127.0.0.1:{broker.client_port}" for broker in self.brokers)

    def start(self) -> None:
        """Start all."""
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.await_answer()

    def stop(self) -> None:
        """End all, at once: nobody needs what they hold."""
        for broker in self.brokers:
            broker.kill()


def cluster(
    folder: Path,
    brokers: int = 1,
    settings: Mapping[str, str] | None = None,
    users: Mapping[str, str] | None = None,
) -> Cluster:
    """A cluster below `folder`, formatted and not started.

    settings: of each broker, beside those that all have; `{port}` and `{controller}` in a value are its ports for
    clients and for other controllers. users: names and passwords, for SCRAM-SHA-512.
    """
    ports = [(free_port(), free_port()) for _ in range(brokers)]
    voters = ",".join(f"{number}@127.0.0.1:{controller}" for number, (_, controller) in enumerate(ports, 1))
    made = Cluster()
    identity = _tool("random-uuid").strip()
    for number, (client, controller) in enumerate(ports, 1):
        own = folder / f"broker-{number}"
        own.mkdir(parents=True)
        all_settings = _settings(own, number, client, controller, voters, min(brokers, 3)) | {
            name: value.format(port=client, controller=controller) for name, value in (settings or {}).items()
        }
        broker = Broker(number, own, client, controller, all_settings)
        broker.properties.write_text("".join(f"{name}={value}\n" for name, value in all_settings.items()))
        known = [f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in (users or {}).items()]
        scram = [argument for user in known for argument in ("--add-scram", user)]
        _tool("format", "-t", identity, "-c", str(broker.properties), *scram)
        made.brokers.append(broker)
    return made


def _settings(folder: Path, number: int, client: int, controller: int, voters: str, copies: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": str(number),
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{client}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        "delete.topic.enable": "true",
        "offsets.topic.replication.factor": str(copies),
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.num.partitions": "8",
        "transaction.state.log.min.isr": str(min(copies, 2)),
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
    }


def _tool(*arguments: str) -> str:
    command = ["java", "-XX:TieredStopAtLevel=1", f"-Dlog4j2.configurationFile={LOG4J}", "-cp", class_path()]
    done = subprocess.run(
        [*command, "kafka.tools.StorageTool", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout
