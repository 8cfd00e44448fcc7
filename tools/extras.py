"""Builds the wheel and installs each extra alone: it must bring all that its `main` needs, and the base no service."""

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


@dataclass(frozen=True, slots=True)
class Install:
    """One way to install the distribution: `extra` None is the base. `mains`: what must import there."""

    extra: str | None
    mains: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.extra or "base"


INSTALLS = (
    Install(None, ("ownstack_contracts", "ownstack.main")),
    *(Install(service.removeprefix("ownstack_"), (f"{service}.main",)) for service in SERVICES),
    Install("all", ("ownstack.main", *(f"{service}.main" for service in SERVICES))),
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
    extra = f"[{install.extra}]" if install.extra else ""
    run(UV, "venv", "--quiet", "--python", sys.executable, str(environment))
    run(UV, "pip", "install", "--quiet", "--python", python, "--constraints", str(locked()), f"{wheel}{extra}")
    problems = [problem for module in install.mains if (problem := import_problem(python, install, module))]
    if install.extra is None:
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
    others = [service for service in SERVICES if service != own]
    code = f"import sys, {module}; print(*(name for name in {others!r} if name in sys.modules))"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"{install.name}: {module} does not import: {done.stderr.strip().splitlines()[-1]}"
    if brought := done.stdout.strip():
        return f"{install.name}: importing {module} imports {brought} too; import it where it is used."
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
