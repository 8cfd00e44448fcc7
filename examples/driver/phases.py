"""The phases of a deployment on a stack that is a folder of this machine: servers on free ports behind a front.

Blue/green: the new server is started beside the old one and asked for its health; only then the traffic turns, and the
old one ends. Whoever kills us, at whatever moment, finds either the old one or the new one serving.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import journal
import servers
from images import path_of
from place import Place, read_json, write_json

HERE = Path(__file__).resolve().parent
HEALTHY_WITHIN = 15.0
"""Seconds in which a new server must answer."""
PAUSE = 0.02


class Refused(Exception):
    """The phase can't be done; says why."""


@dataclass(frozen=True)
class Phase:
    """What we were told, in the environment."""

    environment: Mapping[str, str]
    home: Path
    images: Path

    def told(self, name: str) -> str:
        return self.environment.get(f"OWNSTACK_{name}", "")

    @property
    def place(self) -> Place:
        return Place(self.home / self.told("STACK") / f"{self.told('TEAM')}.{self.told('APP')}")

    @property
    def generation(self) -> int:
        return int(self.told("GENERATION"))

    @property
    def image(self) -> Path:
        """The folder of the image. Raises Refused if it is not in the store."""
        found = path_of(self.images, self.told("IMAGE_DIGEST"))
        if not found.is_dir():
            raise Refused(f"There is no image {self.told('IMAGE')} in {self.images}: build it first.")
        return found


def look(phase: Phase) -> None:
    """Print what is live: nothing if nothing is, or if its server has ended since, so that a deployment starts one."""
    live = read_json(phase.place.live)
    if live is None:
        return
    if not servers.is_alive(phase.place.servers / live["server"]):
        sys.stderr.write(f"v{live['release']} was live on port {live['port']}, but its server has ended\n")
        return
    if not is_healthy(live["port"]):
        sys.stderr.write(f"v{live['release']} is live on port {live['port']}, but does not answer\n")
    told = ("image", "generation", "deployment", "release", "team", "app_id")
    sys.stdout.write(json.dumps({name: live[name] for name in told}) + "\n")


def release_task(phase: Phase) -> None:
    """Run the release task of the image, if it has one; what serves goes on serving."""
    run_script(phase, "release.py")


def post_deploy(phase: Phase) -> None:
    """Run the post-deploy script of the image, if it has one."""
    run_script(phase, "postdeploy.py")


def run(phase: Phase, command: list[str]) -> int:
    """Run a command in the image that is live, with the app's environment. Returns its exit code."""
    live = read_json(phase.place.live)
    if live is None:
        raise Refused(f"Nothing of {phase.told('APP')} is live on {phase.told('STACK')}: deploy it first.")
    environment = {**app_environment(phase), "RELEASE": str(live["release"])}
    image = path_of(phase.images, live["image"].rpartition("@")[2])
    try:
        code = subprocess.run(command, cwd=image, env=environment, check=False).returncode  # noqa: S603 - what we are for
    except OSError as error:
        raise Refused(f"{command[0]} could not be run: {error.strerror}.") from error
    return 128 - code if code < 0 else code


def run_script(phase: Phase, name: str) -> None:
    script = phase.image / name
    if not script.is_file():
        say(f"{phase.told('APP')} has no {name}")
        return
    phase.place.data.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(  # noqa: S603 - the image is what we are asked to run
        [sys.executable, "-B", str(script)],
        cwd=phase.image,
        env=app_environment(phase),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )
    say(done.stdout.rstrip() or f"{name}: done")
    if done.returncode != 0:
        raise Refused(f"{name} ended with {done.returncode}.")


def restart(phase: Phase) -> None:
    """Start the new server, wait until it is healthy, turn the traffic, end the old one."""
    place = phase.place
    refuse_if_newer(phase)
    image = phase.image
    place.data.mkdir(parents=True, exist_ok=True)
    with servers.listening_socket() as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-B", "server.py"]
        record = servers.start(command, place.servers, listener, app_environment(phase), image)
    if not becomes_healthy(port, record):
        servers.stop([record])
        raise Refused(f"The new server did not become healthy: see {place.servers / 'output.log'}. The old one stays.")
    url = f"http://127.0.0.1:{front_port(place)}"
    write_json(place.generation, {"generation": phase.generation})
    write_json(place.live, {**live_of(phase), "port": port, "server": record.name, "url": url})
    servers.stop([other for other in servers.all_records(place.servers) if other != record])
    say(f"v{phase.told('RELEASE')} serves at {url}")


def live_of(phase: Phase) -> dict[str, object]:
    return {
        "image": phase.told("IMAGE"),
        "generation": phase.generation,
        "deployment": phase.told("DEPLOYMENT"),
        "release": int(phase.told("RELEASE")),
        "team": phase.told("TEAM"),
        "app_id": phase.told("APP_ID"),
    }


def remove(phase: Phase) -> None:
    """End all that runs here, and leave nothing but the generation."""
    place = phase.place
    refuse_if_newer(phase)
    if not place.root.is_dir():
        return
    write_json(place.generation, {"generation": phase.generation})
    place.live.unlink(missing_ok=True)
    front = read_json(place.front)
    fronts = place.root / "fronts"
    servers.stop([*servers.all_records(place.servers), *servers.all_records(fronts)])
    for folder in (place.servers, fronts, place.data):
        shutil.rmtree(folder, ignore_errors=True)
    place.front.unlink(missing_ok=True)
    say(f"{phase.told('APP')} is removed" + (f"; port {front['port']} is free" if front else ""))


def refuse_if_newer(phase: Phase) -> None:
    """An old request never overwrites a newer release."""
    known = read_json(phase.place.generation)
    if known is not None and known["generation"] > phase.generation:
        raise Refused(f"Generation {known['generation']} has been here; {phase.generation} is older.")


def app_environment(phase: Phase) -> dict[str, str]:
    """What the app's own code is told: its config, and where and what it is, which no config changes."""
    passed = {name: value for name, value in phase.environment.items() if name in ("PATH", "HOME", "LANG", "TZ")}
    config = {name: phase.told(f"CONFIG_{name}") for name in phase.told("CONFIG").split()}
    return {
        **passed,
        **config,
        "APP": phase.told("APP"),
        "STACK": phase.told("STACK"),
        "RELEASE": phase.told("RELEASE"),
        "DATA": str(phase.place.data),
    }


def front_port(place: Place) -> int:
    """The port of the app's front, which is started if it does not run; the same port as before if that is free."""
    known = read_json(place.front)
    if known is not None and servers.is_alive(place.root / "fronts" / known["record"]):
        return int(known["port"])
    servers.stop(servers.all_records(place.root / "fronts"))
    try:
        listener = servers.listening_socket(known["port"] if known else 0)
    except OSError:
        listener = servers.listening_socket()
    with listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-EsSB", str(HERE / "front.py"), str(place.live)]
        record = servers.start(command, place.root / "fronts", listener, {"PATH": os.defpath}, place.root)
    write_json(place.front, {"port": port, "record": record.name})
    return int(port)


def becomes_healthy(port: int, record: Path) -> bool:
    deadline = time.monotonic() + HEALTHY_WITHIN
    while time.monotonic() < deadline and servers.is_alive(record):
        if is_healthy(port):
            return True
        time.sleep(PAUSE)
    return False


def is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def say(text: str) -> None:
    """Our output is the deploy log. When whoever reads it was killed, the work goes on all the same."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


PHASES: dict[str, Callable[[Phase], None]] = {
    "look": look,
    "release-task": release_task,
    "restart": restart,
    "post-deploy": post_deploy,
    "remove": remove,
}


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["run"] and len(arguments) > 1:
        return carry_out(lambda phase: run(phase, arguments[1:]), "run")
    if len(arguments) != 1 or arguments[0] not in PHASES:
        sys.stderr.write(f"One argument, a phase: {', '.join(PHASES)}; or `run` with a command\n")
        return 2

    def phase_of(phase: Phase) -> int:
        PHASES[arguments[0]](phase)
        return 0

    return carry_out(phase_of, arguments[0])


def carry_out(work: Callable[[Phase], int], name: str) -> int:
    """Do what was asked for, between two lines in the journal. Returns the exit code."""
    missing = [name for name in ("HOME", "IMAGES") if not os.environ.get(f"OWNSTACK_SETTING_{name}")]
    if missing:
        sys.stderr.write(f"The stack does not say {' and '.join(missing)}: --set home=DIR --set images=DIR\n")
        return 2
    phase = Phase(os.environ, Path(os.environ["OWNSTACK_SETTING_HOME"]), Path(os.environ["OWNSTACK_SETTING_IMAGES"]))
    phase.home.mkdir(parents=True, exist_ok=True)
    journal.note(phase.home, os.environ, "begin")
    try:
        code = work(phase)
    except Refused as reason:
        journal.note(phase.home, os.environ, "end", exit=1)
        (say if name != "look" else sys.stderr.write)(str(reason))
        return 1
    journal.note(phase.home, os.environ, "end", exit=code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
