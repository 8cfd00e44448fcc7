"""A stand-in for Dokku 0.38.27, for tests: sshd runs it as ForceCommand, with the folder of one server as argument.

What it prints, on which stream, and with which exit code is what a real one did when tests/fixtures/dokku was recorded;
tests/integration/dokku/test_standin.py replays that. What else was verified, and what was not:

- Words: quotes are taken away as xargs does it (transcript `run-exit-3`; compared with a real xargs). Dokku's main
  script (`dokku` in github.com/dokku/dokku, read in an older release) hands `docker-options:...` to `xargs dokku`,
  which makes 123 of a failure; it was not recorded whether 0.38.27 does so (setting `xargs`). All others go through
  `xargs -n 1`, so through `echo`, which eats `-n`: measured by others, not in the transcripts.
- Docker options: each is stored alone, quoted where need be, sorted, and twice if added twice; remove takes all that
  are equal (plugins/docker-options/dockeroptions.go, read on its main branch; not recorded).
- A failed deployment puts the repository back by one commit, whoever made it, and to nothing if there was no code
  before (plugins/git/git-from-directory). So where a winner of a race fails, the repository has the winner's image,
  not the old one.
- A dropped client: dropped while it built, the repository stays on the new image; dropped after its tasks it was put
  back (transcripts `from-image-retry-after-drop-early`, `-late`). Nobody measured where between them that changes;
  the setting `dropped` has all outcomes.
- GIT_REV is in the config of an app from its first `git:from-image` on (plugins/git/functions; the transcripts hide its
  value as they hide those of the config).
- Config: `config:set --encoded --no-restart`, `config:unset --no-restart` of a key that is set, `config:export --format
  json` of one value, and a `config:set` that restarts were recorded, each with values of a few letters. That a value of
  any characters and lines is kept exactly, and what is printed of one with several lines, is guessed: Dokku keeps them
  in a file that godotenv 1.2.0 reads (plugins/config/go.mod, in 2022), which does not bear all of them (quotes beside
  `#`, say), and takes the whole file for empty if a line of it has 64 KiB (plugins/config/environment.go drops the
  error). The setting `changes` has values that are not kept; the 64 KiB are not imitated. `config:get` was not
  recorded; it prints the value and a newline (plugins/config/subcommands.go).
- `ps:restart` of an app that was not deployed warns, and is 0; `ps:rebuild` does not ask (plugins/ps/ps.go).
- Guessed, not recorded: what `ps:restart` prints, and a key unset twice, wrong phases, and `ps:rebuild` without code;
  that `apps:lock` holds against `git:from-image`; what a client that is dropped between going live and the end
  leaves. `ps:restart` runs the tasks, as `config:set` was recorded to do; so a task that failed fails again, unless
  the catalogue says how many `times` it fails.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from host import apps, running, settings, words
from host.deploying import Failed
from host.session import Exit, Session
from host.state import Host, NoSuchApp
from host.talking import Talk

SEE_HELP = " !     See `dokku help` for a list of available commands."
COMMANDS: dict[str, Callable[[Session, list[str]], None]] = {
    "version": apps.version,
    "apps:clone": apps.clone,
    "apps:create": apps.create,
    "apps:destroy": apps.destroy,
    "apps:exists": apps.exists,
    "apps:list": apps.listed,
    "apps:lock": apps.lock,
    "apps:unlock": apps.unlock,
    "ports:set": apps.ports,
    "config:export": settings.config_export,
    "config:get": settings.config_get,
    "config:keys": settings.config_keys,
    "config:set": settings.config_set,
    "config:unset": settings.config_unset,
    "docker-options:add": settings.options_add,
    "docker-options:clear": settings.options_clear,
    "docker-options:remove": settings.options_remove,
    "docker-options:report": settings.options_report,
    "git:from-image": running.from_image,
    "git:report": running.git_report,
    "ps:inspect": running.inspect,
    "ps:rebuild": running.rebuild,
    "ps:report": running.ps_report,
    "ps:restart": running.restart,
    "run": running.run,
}


def main(folder: Path, line: str) -> int:
    """The exit code of one command line."""
    host = Host(folder)
    chosen = host.settings
    seed = chosen["seed"]
    host.log("commands.log", line=line)
    count = (folder / "commands.log").stat().st_size
    chance = random.Random(None if seed is None else f"{seed} {count}")
    session = Session(host, Talk(folder, chosen["linger"], chance), chance)
    found, complaint = words.split(line)
    options = line.startswith("docker-options")
    if complaint:
        session.talk.err(complaint)
    code = perform(session, found if options else words.echoed(found))
    if not options or not chosen["xargs"]:
        return code
    return 123 if 0 < code < 126 else code or (1 if complaint else 0)  # as xargs has it


def perform(session: Session, found: list[str]) -> int:
    """Do it."""
    found = _without_options(found)
    name = found[0] if found else "help"
    command = COMMANDS.get(name)
    try:
        if name == "help":
            session.talk.out("Usage: dokku [--quiet|--trace|--force] COMMAND <app> [command-specific-options]\n")
        elif command is None:
            raise session.fail(f"`{' '.join(found)}` is not a dokku command.\n{SEE_HELP}")
        else:
            command(session, found[1:])
    except (Exit, Failed) as end:
        return end.code
    except NoSuchApp as none:
        session.talk.err(f" !     App {none} does not exist\n")
        return 20
    except Exception:
        session.host.log("errors.log", words=found, error=traceback.format_exc())
        raise  # a fault of the stand-in: DokkuServer.stop tells it
    return 0


def _without_options(found: list[str]) -> list[str]:
    """`--force apps:destroy` is `apps:destroy --force`; other options before a command change nothing here."""
    options = list(itertools.takewhile(lambda word: word.startswith("--"), found))
    rest = found[len(options) :]
    return [*rest[:1], "--force", *rest[1:]] if "--force" in options else rest


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), os.environ.get("SSH_ORIGINAL_COMMAND", "")))
