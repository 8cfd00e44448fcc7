"""Base images under the tags that the project's files name, made of Debian's packages: no registry is asked."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from tests.real import brokers

HERE = Path(__file__).resolve().parent
FILES = HERE / "bases"
SUITE = "trixie"
PLUGINS = ("docker-compose", "docker-buildx")
"""Debian's packages of the client's plugins; those of this suite, since older ones have none."""

_QUIET = "DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends -o Dpkg::Use-Pty=0"

_PYTHON = f"""
{_QUIET} python3 python3-venv
ln -s /usr/bin/python3 /usr/local/bin/python
ln -s /usr/bin/python3 /usr/local/bin/python3
"""

_KAFKA = f"""
{_QUIET} openjdk-21-jre-headless
useradd --create-home --uid 1000 --shell /bin/bash appuser
mkdir -p /var/lib/kafka/data /etc/kafka/secrets /mnt/shared/config /opt/kafka/config
chown -R appuser:appuser /opt/kafka /mnt/shared/config
chown -R appuser:root /var/lib/kafka /etc/kafka
"""

_POSTGRES = f"""
groupadd --system --gid 999 postgres
useradd --system --gid postgres --uid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres
mkdir -p /etc/postgresql-common /docker-entrypoint-initdb.d
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
{_QUIET} -o Dpkg::Options::=--force-confold postgresql-17
install -d -m 700 -o postgres -g postgres /var/lib/postgresql/data
install -d -m 3775 -o postgres -g postgres /var/run/postgresql
"""


@dataclass(frozen=True, slots=True)
class Base:
    """script: what is run as root in a fresh Debian. files: copied into it before that. says: as a Dockerfile would."""

    tag: str
    script: str
    says: Sequence[str]
    files: Sequence[tuple[str, str]] = ()
    jars: bool = False

    @property
    def name(self) -> str:
        return self.tag.replace("/", "-").replace(":", "-")

    @property
    def recipe(self) -> str:
        """Changes with everything that the image is made of, but for the versions of Debian's packages."""
        parts = [SUITE, *PLUGINS, repr((self.script, self.says, self.files))]
        files = [brokers.POM, *(path for path in sorted(FILES.rglob("*")) if path.is_file())]
        parts += [path.read_text(encoding="utf-8") for path in files]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


PYTHON = Base("python:3.13-slim-trixie", _PYTHON, ("ENV LANG=C.UTF-8", 'CMD ["python3"]'))
KAFKA = Base(
    "apache/kafka:4.1.1",
    _KAFKA,
    ("USER appuser", "EXPOSE 9092", "VOLUME /var/lib/kafka/data", 'CMD ["/etc/kafka/docker/run"]'),
    tuple((f"kafka/{name}", f"etc/kafka/docker/{name}") for name in ("run", "log4j2.yaml", "server.properties")),
    jars=True,
)
POSTGRES = Base(
    "postgres:17",
    _POSTGRES,
    (
        "ENV PGDATA=/var/lib/postgresql/data",
        "ENV LANG=C.UTF-8",
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/17/bin",
        "EXPOSE 5432",
        "VOLUME /var/lib/postgresql/data",
        'ENTRYPOINT ["docker-entrypoint.sh"]',
        'CMD ["postgres"]',
    ),
    (("postgres/docker-entrypoint.sh", "usr/local/bin/docker-entrypoint.sh"),),
)
BASES = (PYTHON, KAFKA, POSTGRES)


@dataclass(frozen=True, slots=True)
class Store:
    """Where the made ones are kept between runs: a folder, of a size of about 1 GB."""

    folder: Path

    def archive(self, base: Base) -> Path:
        """The whole file system of a base as a tar file; made, if it is not there. Takes up to a minute then."""
        with self._locked():
            made = self.folder / f"{base.name}-{base.recipe}.tar"
            if not made.exists():
                self._forget(base)
                self._make(base, made)
        return made

    def plugins(self) -> Path:
        """A configuration folder of the Docker client that has `compose` and `buildx`."""
        with self._locked():
            made = self.folder / "client"
            if not made.exists():
                self._fetch_plugins(made)
        return made

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            flock(file, LOCK_EX)
            yield

    def _forget(self, base: Base) -> None:
        for older in self.folder.glob(f"{base.name}-*.tar"):
            older.unlink()

    def _make(self, base: Base, made: Path) -> None:
        root = self.folder / f"{base.name}.root"
        shutil.rmtree(root, ignore_errors=True)
        run("cp", "-a", str(self._debian()), str(root))
        try:
            for source, target in base.files:
                (root / target).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(FILES / source, root / target)
            if base.jars:
                self._jars(root / "opt/kafka/libs")
            inside(root, f"{base.script}\napt-get clean\nrm -rf /var/lib/apt/lists/*")
            fresh = made.with_suffix(".new")
            run("tar", "--one-file-system", "-C", str(root), "-cf", str(fresh), ".")
            fresh.rename(made)
        finally:
            shutil.rmtree(root, ignore_errors=True)

    def _debian(self) -> Path:
        """A small Debian, with the lists of its packages."""
        root = self.folder / f"debian-{SUITE}"
        if not root.exists():
            fresh = self.folder / f"debian-{SUITE}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            run(
                "unshare", "--mount", "debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(fresh)
            )
            (fresh / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
            (fresh / "usr/sbin/policy-rc.d").chmod(0o755)  # nothing is started while packages are installed
            (fresh / "etc/dpkg/dpkg.cfg.d/quick").write_text("force-unsafe-io\n", encoding="ascii")
            inside(fresh, "apt-get update -qq")
            fresh.rename(root)
        return root

    def _jars(self, target: Path) -> None:
        brokers.class_path()
        shutil.copytree(brokers.LIBS, target)

    def _fetch_plugins(self, made: Path) -> None:
        root, fresh = self._debian(), made.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        inside(root, f"cd /tmp && apt-get download -qq -o APT::Sandbox::User=root {' '.join(PLUGINS)}")
        for package in (root / "tmp").glob("docker-*.deb"):
            run("dpkg-deb", "-x", str(package), str(fresh))
            package.unlink()
        (fresh / "usr/libexec/docker/cli-plugins").rename(fresh / "cli-plugins")
        fresh.rename(made)


def inside(root: Path, script: str) -> None:
    """Run a script as root in the Debian at `root`, with the network of this machine, in a process room of its own."""
    run("unshare", "--mount", "--pid", "--fork", f"--mount-proc={root}/proc", "chroot", str(root), "/bin/sh", "-euc",
        script)  # fmt: skip


def run(*command: str) -> None:
    """Run a command. Raises RuntimeError with all that it said, if it fails."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
