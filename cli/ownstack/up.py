"""`ownstack up`: the composition root of the all-in-one. Every service in one process, on one SQLite file."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ownstack.exits import Failure
from ownstack.firststart import Welcome, prepare
from ownstack.housefile import FILE, database_of
from ownstack.keyfile import open_with_key
from ownstack.openfiles import raise_file_limit
from ownstack.serve import figures
from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.running import explained, settle_collector
from ownstack.supervision import Service, ServiceFailed, Supervisor
from ownstack_api.app import create_app
from ownstack_api.erasing import erase
from ownstack_api.main import listen, serve, url_of
from ownstack_api.parts import Parts
from ownstack_api.settings import Settings as ApiSettings
from ownstack_bus.connect import open_bus
from ownstack_bus.port import Bus, BusError
from ownstack_contracts.topics import HISTORY
from ownstack_deployer.main import Deployer
from ownstack_deployer.settings import Settings as DeployerSettings
from ownstack_projections.main import Projections
from ownstack_projections.main import Settings as ProjectionsSettings
from ownstack_promoter.main import Promoter
from ownstack_promoter.main import Settings as PromoterSettings
from ownstack_readmodel import ReadModel, open_readmodel
from ownstack_vault import Unsealing, Vault, open_vault

log = logging.getLogger(__name__)

CATCHING_UP = 5.0
"""Seconds that the read model is given, at the end, to show what has happened. The next start goes on from there."""


@dataclass(frozen=True, slots=True)
class Options:
    """data: the folder of the file, absolute. port 0: any that is free."""

    data: Path
    host: str
    port: int
    team: str


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the services share: all in one file, and one lock that every writer holds, so that none finds it busy."""

    bus: Bus
    readmodel: ReadModel
    vault: Vault


def live(options: Options, ready: Callable[[Welcome], None], stopping: Callable[[], None]) -> bool:
    """`run`, with as many files and connections open at once as this process may have."""
    raise_file_limit()
    return asyncio.run(run(options, ready, stopping))


async def run(options: Options, ready: Callable[[Welcome], None], stopping: Callable[[], None]) -> bool:
    """Run the house until a signal ends it. `ready` is told once requests are taken; `stopping`, at the first signal.

    Returns False if a second signal cut its end short. Raises Failure, saying what stands in the way.
    """
    settings = ApiSettings(host=options.host, port=options.port)
    async with AsyncExitStack() as stack:
        rooms = await open_rooms(options.data, stack)
        listener = _listen(settings)
        stack.callback(listener.close)
        welcome = await prepare(rooms.bus, rooms.vault, options.team, _local(url_of(listener)))
        try:
            return await _live(rooms, settings, listener, options.data, lambda: ready(welcome), stopping)
        except ServiceFailed as failed:
            raise explained(failed) from failed


async def _live(
    rooms: Rooms,
    settings: ApiSettings,
    listener: socket.socket,
    data: Path,
    ready: Callable[[], None],
    stopping: Callable[[], None],
) -> bool:
    """The services end in this order: no more commands, no more work, no more facts, and all of them shown."""
    workers = _workers(rooms, data)
    parts = Parts(rooms.bus, rooms.readmodel, rooms.vault, settings)
    app = create_app(parts)
    listening = asyncio.Event()
    api = Service("api", lambda: serve(app, settings, listening, listener))
    erasing = Service("erasing", lambda: erase(rooms.bus, rooms.vault.erasing, parts.meters))

    async def begin() -> None:
        await listening.wait()
        settle_collector()
        ready()

    with workers.measured():
        return await Supervisor([api, *workers.services(rooms), erasing], stopping).run(begin)


@dataclass(frozen=True, slots=True)
class _Workers:
    """The services that work on what the API takes."""

    promoter: Promoter
    deployer: Deployer
    projections: Projections

    def services(self, rooms: Rooms) -> list[Service]:
        """In the order in which they end."""
        return [
            Service("deployer", self._deploy, self.deployer.drain),
            Service("promoter", self.promoter.run),
            Service("projections", self.projections.run, lambda: _caught_up(rooms)),
        ]

    async def _deploy(self) -> None:
        await self.promoter.restored()  # it says which leases have lapsed: claims that come before it would wait
        await self.deployer.run()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Their figures are to be had."""
        with (
            figures.of_promoter(self.promoter),
            figures.of_deployer(self.deployer),
            figures.of_projections(self.projections),
        ):
            yield


def _workers(rooms: Rooms, data: Path) -> _Workers:
    deployer = DeployerSettings(state=data / "deployer")
    return _Workers(
        Promoter(rooms.bus, PromoterSettings(leases_at_start="lapsed")),  # all deployers end with this process
        Deployer(rooms.bus, deployer, secrets=Unsealing(rooms.vault.secrets)),
        Projections(rooms.bus, rooms.readmodel, ProjectionsSettings()),
    )


async def open_rooms(data: Path, stack: AsyncExitStack) -> Rooms:
    """Open all that is in the folder `data`, made if need be; `stack` closes it. Raises Failure."""
    path = _folder(data) / FILE
    url = database_of(path)
    _make_private(path)
    lock = threading.Lock()
    try:
        bus = await open_bus(f"sqlite:///{quote(str(path))}", write_lock=lock, meter=PrometheusMeter())
        stack.push_async_callback(bus.close)
        readmodel = await asyncio.to_thread(open_readmodel, url, lock)
        stack.callback(readmodel.close)
        vault = await asyncio.to_thread(open_with_key, data, lambda keys: open_vault(url, lock, keys))
        stack.callback(vault.close)
    except BusError as error:
        raise Failure(error.code, str(error)) from error
    except DBAPIError as error:
        raise Failure(
            "database-unusable", f"{path}: {error.orig}.", hint="Is the disk full, or the file damaged?"
        ) from error
    return Rooms(bus, readmodel, vault)


def _folder(data: Path) -> Path:
    """The folder, made if need be, for its owner only: the file holds the hashes of tokens."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            "data-folder", f"{data} can't be made: {error.strerror}.", hint="Choose another: --data DIR"
        ) from None
    if not os.access(data, os.W_OK | os.X_OK):
        raise Failure("data-folder", f"{data} can't be written to.", hint="Choose another: --data DIR")
    return data


def _make_private(path: Path) -> None:
    """Make the file, if need be, for its owner only, whatever its folder is like; SQLite's own beside it are alike."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        why = "is a symbolic link" if error.errno == errno.ELOOP else f"can't be opened: {error.strerror}"
        raise Failure("data-file", f"{path} {why}.", hint="Choose another folder: --data DIR") from None
    try:
        mode = os.fstat(descriptor).st_mode
    finally:
        os.close(descriptor)
    if mode & 0o077:
        log.warning("%s is open to others, with all that happened and the hashes of tokens: chmod 600 %s", path, path)


def _listen(settings: ApiSettings) -> socket.socket:
    try:
        return listen(settings)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        if error.errno == errno.EADDRINUSE:
            hint = "Choose another with --port, or stop what listens there."
            raise Failure("port-taken", f"Something else listens on {where}.", hint=hint) from None
        hint = "--host takes an address of this machine; ports below 1024 need rights."
        raise Failure("cannot-listen", f"Can't listen on {where}: {error.strerror}.", hint=hint) from None


def _local(url: str) -> str:
    """Where whoever started the house finds it: a wildcard is no address to speak to."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


async def _caught_up(rooms: Rooms) -> None:
    """Wait, for a while, until the read model shows all that has happened."""
    try:
        async with asyncio.timeout(CATCHING_UP):
            for partition in range(await rooms.bus.partitions(HISTORY.name)):
                while await _behind(rooms, partition):  # noqa: ASYNC110 - of any team
                    await asyncio.sleep(0.02)
    except (TimeoutError, BusError, SQLAlchemyError) as error:
        log.warning("the read model is not up to date; it goes on from there at the next start", exc_info=error)


async def _behind(rooms: Rooms, partition: int) -> int:
    position = (await rooms.readmodel.positions()).get(partition, 0)
    return await rooms.bus.behind(HISTORY.name, partition, position)
