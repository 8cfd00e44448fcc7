"""`ownstack demo`: tells the story with real commands, a real house and real servers, in folders of its own."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx
import orjson

from ownstack.exits import Exit, Failure, Silent
from ownstack.firststart import DEFAULT_TEAM
from ownstack.story import BROKEN, Place, Step, releasing, setting_up

NEXT = (
    ("app", "info", "shop"),
    ("promotion", "list"),
    ("logs", "shop", "--stack", BROKEN),
)
"""The commands to try next."""


def examples() -> Path:
    """The folder of the examples: in the installed package, or in the checkout."""
    here = Path(__file__).resolve()
    for found in (here.parent / "examples", here.parents[2] / "examples"):
        if (found / "driver" / "program").is_file():
            return found
    raise Failure(
        "no-examples", "The examples that the demo shows are not installed.", hint="Run it in a checkout: make demo"
    )


@dataclass
class Demo:
    """One telling. `ownstack`: runs a command line, in this process, and returns its exit code.

    data: where all is kept; None: in a folder that is thrown away in the end.
    """

    ownstack: Callable[[Sequence[str]], int]
    data: Path | None = None
    _root: Path = field(init=False)
    _right: bool = True
    _told: bool = False

    def run(self) -> bool:
        """Tell the story; returns whether everything ended and answered as it should. On a terminal stays until Ctrl-C.

        Raises Failure if the house does not start. Leaves no process behind.
        """
        stays = sys.stdin.isatty() and sys.stdout.isatty()
        with ExitStack() as stack:
            stack.enter_context(_signals_end_it())
            self._root = self._folder(stack)
            stack.callback(self._end_servers)
            stack.enter_context(self._environment())
            stack.enter_context(self._house())
            try:
                self._tell()
                self._next(stays)
            except KeyboardInterrupt:
                _say("\nEnding …")
                if not self._told:
                    raise Silent(Exit.INTERRUPTED) from None
        return self._right

    def _folder(self, stack: ExitStack) -> Path:
        if self.data is None:
            made = tempfile.mkdtemp(prefix="ownstack-demo-")
            stack.callback(shutil.rmtree, made, ignore_errors=True)
            return Path(made).resolve()
        self.data.mkdir(parents=True, exist_ok=True)
        if any(self.data.iterdir()):
            raise Failure("folder-not-empty", f"{self.data} is not empty.", hint="Give another", exit_code=Exit.USAGE)
        return self.data.resolve()

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """Ours, and of all that we start: with nothing of the user's own profile."""
        before = dict(os.environ)
        for name in [name for name in before if name.startswith("OWNSTACK_")]:
            del os.environ[name]
        os.environ["XDG_CONFIG_HOME"] = str(self._root)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    @contextmanager
    def _house(self) -> Iterator[None]:
        """`ownstack up` as a process of its own, until it has ended."""
        command = [
            sys.executable,
            "-m",
            "ownstack.main",
            "up",
            "--json",
            "--port",
            "0",
            "--data",
            str(self._root / "data"),
        ]
        with (
            (self._root / "up.log").open("wb") as log,
            subprocess.Popen(  # noqa: S603 - it is us
                command, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            ) as house,
        ):
            try:
                assert house.stdout is not None
                ready = house.stdout.readline()
                if not ready:
                    raise Failure("up-failed", f"`ownstack up` did not start: {self._log()}")
                _say(
                    f"ownstack up    is ready at {orjson.loads(ready)['url']}, with its data in {self._root / 'data'}\n"
                )
                yield
            finally:
                house.terminate()

    def _log(self) -> str:
        return (self._root / "up.log").read_text(encoding="utf-8", errors="replace").strip()

    def _tell(self) -> None:
        driver = ("--address", str(examples() / "driver" / "program"))
        settings = {"home": self._home, "images": self._images, "python": sys.executable}
        options = (word for name, value in settings.items() for word in ("--set", f"{name}={value}"))
        for step in setting_up((*driver, *options)):
            self._take(step)
        for step in releasing(self._image("hello", 1), self._image("shop", 1), self._image("shop", 3)):
            self._take(step)
        self._told = True

    @property
    def _home(self) -> Path:
        return self._root / "stacks"

    @property
    def _images(self) -> Path:
        return self._root / "images"

    def _image(self, app: str, version: int) -> str:
        build = [str(examples() / "driver" / "images.py"), "build", str(examples() / app), str(version)]
        done = subprocess.run(  # noqa: S603 - of our own examples
            [sys.executable, *build, str(self._images)], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def _take(self, step: Step) -> None:
        if step.database is not None:
            set_database(self._home, step.database)
        _say(f"# {step.says}")
        ended = self._type(step.arguments)
        if ended != step.exit_code:
            self._wrong(f"It ended with {ended}, not with {step.exit_code}.")
        for place, version in step.answers.items():
            self._ask(place, version, step.greeting)
        _say("")

    def _ask(self, place: Place, version: int, greeting: str | None) -> None:
        url = url_of(self._home, place)
        try:
            answer = httpx.get(url, timeout=10, trust_env=False).text.strip()
            said = orjson.loads(answer)
            right = said["version"] == version and greeting in (None, said.get("greeting"))
        except (httpx.HTTPError, ValueError, KeyError) as error:
            answer, right = repr(error), False
        _say(f"  {url}  {place[1]:<9}  {answer}")
        if not right:
            self._wrong(f"Version {version} was to answer{f', and to say {greeting!r}' if greeting else ''}.")

    def _wrong(self, what: str) -> None:
        self._right = False
        _say(f"  WRONG: {what} The log of `ownstack up`:\n{self._log()}")

    def _type(self, arguments: Sequence[str]) -> int:
        """As if it were typed; in this process, which saves the start of another one each time."""
        _say(f"$ ownstack {shlex.join(arguments)}")
        ended = self.ownstack(arguments)
        if ended == Exit.INTERRUPTED:
            raise KeyboardInterrupt
        return ended

    def _next(self, stays: bool) -> None:
        _say("Three commands to try next:" if stays else "Three commands to try next, and what they say:")
        for arguments in NEXT:
            typed = f"XDG_CONFIG_HOME={shlex.quote(str(self._root))} {_ourselves()} {shlex.join(arguments)}"
            _say(f"  {typed}")
            if not stays and subprocess.run(["/bin/sh", "-c", typed], check=False).returncode != 0:  # noqa: S603 - ours
                self._wrong("It failed.")
        if stays:
            _say(f"\nAll is up ({url_of(self._home, ('shop', BROKEN))} is one of the shops) until Ctrl-C.")
            signal.pause()

    def _end_servers(self) -> None:
        """Also if the house has ended before it could."""
        clean = [sys.executable, str(examples() / "driver" / "clean.py"), str(self._home)]
        subprocess.run(clean, check=False)  # noqa: S603 - of our own examples


def url_of(home: Path, place: Place) -> str:
    """Where an app on a stack of the examples' driver is found."""
    app, stack = place
    front = orjson.loads((home / stack / f"{DEFAULT_TEAM}.{app}" / "front.json").read_bytes())
    return f"http://127.0.0.1:{front['port']}"


def set_database(home: Path, writable: bool) -> None:
    """What the release task of `shop` finds on the stack BROKEN."""
    mark = home / BROKEN / f"{DEFAULT_TEAM}.shop" / "data" / "read-only"
    if writable:
        mark.unlink(missing_ok=True)
    else:
        mark.touch()


def _ourselves() -> str:
    """How `ownstack` is called from here, so that it can be copied."""
    script = Path(sys.argv[0])
    if script.name != "ownstack":
        return shlex.join([sys.executable, "-m", "ownstack.main"])
    found = script.resolve()
    return shlex.quote(str(found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found))


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """A closed terminal and SIGTERM end the demo as Ctrl-C does: with everything that it has started."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
