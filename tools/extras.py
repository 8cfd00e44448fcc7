"""Builds the wheel and installs each extra alone: it must bring all that its `main` needs, and the base no service.

With the extras of its bus (and its database) each service must also be able to be served, and know nothing of others.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "extras"
UV = str(ROOT / "tools" / "uv")
SERVICES = ("ownstack_api", "ownstack_promoter", "ownstack_deployer", "ownstack_projections")
HELPS = ("--help", "up --help", "deploy --help")


DATABASE = ("sqlalchemy", "alembic", "psycopg")
SEALING = ("cryptography",)
WEB = ("fastapi",)
DEPENDENCIES = (*DATABASE, *SEALING, *WEB)
"""What is heavy, and not everybody's."""


@dataclass(frozen=True, slots=True)
class Install:
    """One way to install the distribution: with no `extras` it is the base. `mains`: what must import there.

    `serves`: the service that `ownstack serve` must know there; `needs`: those of DEPENDENCIES that it may import.
    """

    extras: tuple[str, ...]
    mains: tuple[str, ...]
    serves: str | None = None
    needs: tuple[str, ...] = DEPENDENCIES

    @property
    def name(self) -> str:
        return "-".join(self.extras) or "base"


INSTALLS = (
    Install((), ("ownstack_contracts", "ownstack.main")),
    *(Install((service.removeprefix("ownstack_"),), (f"{service}.main",)) for service in SERVICES),
    Install(("all",), ("ownstack.main", *(f"{service}.main" for service in SERVICES))),
    Install(("api", "kafka", "postgres"), (), "api", (*DATABASE, *SEALING, *WEB)),
    Install(("promoter", "kafka"), (), "promoter", ()),
    Install(("deployer", "kafka", "postgres"), (), "deployer", (*DATABASE, *SEALING)),
    Install(("projections", "kafka", "postgres"), (), "projections", DATABASE),
)


def main() -> int:
    """Check every way to install. Returns 1 if something is missing or a main imports another service, else 0."""
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    wheel = built_wheel()
    problems = missing_files(wheel)
    for install in INSTALLS:
        found = check(install, wheel)
        say(f"{install.name}: {'ok' if not found else 'FAILED'}")
        problems += found
    for problem in problems:
        say(problem)
    return 1 if problems else 0


def built_wheel() -> Path:
    """Build the wheel of the checkout. Raises CalledProcessError if it can't be built."""
    run(UV, "build", "--quiet", "--wheel", "--out-dir", str(BUILD), str(ROOT))
    (wheel,) = BUILD.glob("*.whl")
    return wheel


def missing_files(wheel: Path) -> list[str]:
    """What git tracks in a package (migrations, templates, py.typed) and the wheel does not hold."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = [Path(folder) for folder in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
    held = set(zipfile.ZipFile(wheel).namelist())
    return [
        f"The wheel lacks {path}."
        for package in packages
        for path in run("git", "ls-files", "--", str(package)).splitlines()
        if Path(path).relative_to(package.parent).as_posix() not in held
    ]


def check(install: Install, wheel: Path) -> list[str]:
    """Install `wheel` this way into a fresh environment, in the versions of uv.lock, and import its mains there."""
    environment = BUILD / install.name
    python = str(environment / "bin" / "python")
    extra = f"[{','.join(install.extras)}]" if install.extras else ""
    run(UV, "venv", "--quiet", "--python", sys.executable, str(environment))
    run(UV, "pip", "install", "--quiet", "--python", python, "--constraints", str(locked()), f"{wheel}{extra}")
    problems = [problem for module in install.mains if (problem := import_problem(python, install, module))]
    if install.serves is not None:
        problems += serving_problems(environment, install, install.serves)
    if not install.extras:
        problems += [f"base: `ownstack {words}` fails." for words in HELPS if not starts(environment, words)]
    return problems


def locked() -> Path:
    """Every version that uv.lock names, as a file of constraints."""
    target = BUILD / "locked.txt"
    if not target.exists():
        export = ("export", "--quiet", "--frozen", "--all-extras", "--no-dev", "--no-emit-project", "--no-hashes")
        target.write_text(run(UV, *export, "--project", str(ROOT)), encoding="utf-8")
    return target


def import_problem(python: str, install: Install, module: str) -> str | None:
    """None if `module` imports, and brings no service but its own with it."""
    own = module.split(".", maxsplit=1)[0]
    return brought(python, install, module, [service for service in SERVICES if service != own])


def serving_problems(environment: Path, install: Install, service: str) -> list[str]:
    """What is wrong with `ownstack serve SERVICE` there: its help is shown, nothing of others is there or imported."""
    python = str(environment / "bin" / "python")
    absent = [name for name in DEPENDENCIES if name not in install.needs]
    others = [name for name in SERVICES if name != f"ownstack_{service}"]
    problems = [brought(python, install, f"ownstack.serve.{service}", [*others, *absent])]
    find = f"import importlib.util as u; print(*(name for name in {absent!r} if u.find_spec(name)))"
    if there := run(python, "-I", "-c", find).strip():
        problems.append(f"{install.name}: {there} is installed, and not needed.")
    if not starts(environment, f"serve {service} --help"):
        problems.append(f"{install.name}: `ownstack serve {service} --help` fails.")
    return [problem for problem in problems if problem]


def brought(python: str, install: Install, module: str, others: list[str]) -> str | None:
    """None if `module` imports, and none of `others` comes with it."""
    code = f"import sys, {module}; print(*(name for name in {others!r} if name in sys.modules))"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"{install.name}: {module} does not import: {done.stderr.strip().splitlines()[-1]}"
    if too := done.stdout.strip():
        return f"{install.name}: importing {module} imports {too} too; import it where it is used."
    return None


def starts(environment: Path, words: str) -> bool:
    """Whether the installed command does what `words` say."""
    command = [str(environment / "bin" / "ownstack"), *words.split()]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run(*command: str) -> str:
    """Run a command; its errors go to the terminal. Returns its output; raises CalledProcessError if it fails."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT).stdout


def say(line: str) -> None:
    """Print at once: what comes next takes a while."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
