"""What a real Dokku 0.38.27 prints while it deploys, in the parts of which it consists."""

from __future__ import annotations

import random
import time

DEPRECATED = """\
DEPRECATED: The legacy builder is deprecated and will be removed in a future release.
            Install the buildx component to build images with BuildKit:
            https://docs.docker.com/go/buildx/

"""
NO_CHANGES = """\
 !     No changes detected, skipping git commit
 !     Call 'ps:rebuild' on app to rebuild the app from existing source
"""
CHECKS = """\
       Attempting pre-flight checks (web.1)
-----> Executing 2 healthchecks
       Running healthcheck name='web check' delay=0 path='{path}' retries=2 timeout=3 type='path'
       Running healthcheck name='port listening check' attempts=3 port=5000 retries=2 timeout=5 type='listening' wait=5
"""
CHECKED = """\
       Healthcheck succeeded name='web check'
       Healthcheck succeeded name='port listening check'
       All checks successful (web.1)
"""
RED = "\x1b[1m\x1b[31m !     \x1b[0m\x1b[0m"
NOT_FOUND = f"""\
       Healthcheck succeeded name='port listening check'
=====> Start healthcheck output
       <HTML><HEAD><TITLE>404 Not Found</TITLE></HEAD>
       <BODY><H1>404 Not Found</H1>
       The requested URL was not found
       </BODY></HTML>
=====> End healthcheck output
{RED}Failure in name='web check': unexpected status code: 404
"""
NOT_UP = f"""\
{RED}Failure in name='web check': Get "http://172.17.0.2:5000/index.html": context deadline exceeded
{RED}Failure in name='port listening check': unable to enter the container to check that the process is bound to the \
correct port and interface: ensure runtime PID namespace is host
"""


def some_hex(chance: random.Random, length: int) -> str:
    """Like a hash."""
    return f"{chance.getrandbits(4 * length):0{length}x}"


def nginx(chance: random.Random) -> str:
    """What nginx says on stderr when it is reloaded."""
    pid = chance.randrange(1_000, 32_000)
    return f"{time.strftime('%Y/%m/%d %H:%M:%S')} [notice] {pid}#{pid}: signal process started\n"


def configuring(domain: str) -> str:
    """A new configuration of nginx."""
    return (
        f"-----> Configuring {domain}...(using built-in template)\n-----> Creating http nginx.conf\n"
        "       Reloading nginx\n"
    )


def pulling(reference: str, chance: random.Random) -> str:
    """What Docker prints while it pulls."""
    layer, digest = some_hex(chance, 12), reference.rpartition("@")[2]
    name = reference.partition("/")[2].partition("@")[0].partition(":")[0]
    lines = [f"{reference}: Pulling from {name}"]
    lines += [f"{layer}: {said}" for said in ("Pulling fs layer", "Verifying Checksum", "Download complete")]
    lines += [f"{layer}: Pull complete", f"Digest: {digest}"]
    lines += [f"Status: Downloaded newer image for {reference}", reference]
    return "".join(f"{line}\n" for line in lines)


def building(app: str, reference: str, chance: random.Random) -> str:
    """What the builder of Dockerfiles prints, whose file is one line: FROM the image."""
    tags = f'[\\"{reference}\\"]'
    steps = [
        f"FROM {reference}",
        f"LABEL com.dokku.docker-image-labeler/alternate-tags={tags}",
        f"LABEL com.dokku.app-name={app}",
        "LABEL com.dokku.builder-type=dockerfile",
        "LABEL com.dokku.image-stage=build",
        "LABEL dokku=",
        "LABEL org.label-schema.schema-version=1.0",
        "LABEL org.label-schema.vendor=dokku",
    ]
    said = [DEPRECATED, "Sending build context to Docker daemon  2.048kB\r\r\n"]
    made = ""
    for number, step in enumerate(steps, 1):
        said.append(f"Step {number}/{len(steps)} : {step}\n")
        if number > 1:
            once = some_hex(chance, 12)
            said.append(f" ---> Running in {once}\nRemoving intermediate container {once}\n")
        made = some_hex(chance, 12)
        said.append(f" ---> {made}\n")
    said.append(f"Successfully built {made}\nSuccessfully tagged dokku/{app}:latest\n")
    return "".join(said)


def failed_start(app: str, container: str, said: list[str], why: str) -> str:
    """A new container that does not come up: its own output is printed twice."""
    short = container[:12]
    output = "".join(f"       {line}\n" for line in said)
    shown = (
        f"=====> Start of {app} container output ({short} web.1)\n{output}"
        f"=====> End of {app} container output ({short} web.1)\n"
    )
    return (
        f"{why}{container}\n !     Could not start due to 1 failed checks (web.1)\n{shown}{shown}"
        "parallel: This job failed:\n/var/lib/dokku/plugins/available/scheduler-docker-local/bin/"
        f"scheduler-deploy-process-container {app} dockerfile dokku/{app}:latest latest web 1 1\n\n"
    )


def renaming(app: str, process: str, old: str | None, new: str, chance: random.Random) -> str:
    """The new container gets the name of the old one."""
    name = f"{app}.{process}"
    said = ["-----> Renaming containers\n"]
    if old:
        said.append(f"       Found previous container(s) ({old[:12]}) named {name}\n")
        said.append(f"       Renaming container ({old[:12]}) {name} to {name}.{int(time.time())}\n")
    said.append(f"       Renaming container {name}.upcoming-{chance.randrange(32_000)} ({new[:12]}) to {name}\n")
    return "".join(said)
