"""Asks the service of this container whether it is ready; ends with 0 if so. For HEALTHCHECK: no curl is needed."""

from __future__ import annotations

import http.client
import os
import sys

PATIENCE = 4.0
"""Seconds; less than the health check's own timeout."""


def main() -> int:
    port = int(os.environ.get("OWNSTACK_HEALTH_PORT") or os.environ["OWNSTACK_API_PORT"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        said = answer.read(2_000).decode(errors="replace")
    except OSError as error:
        sys.stdout.write(f"no answer on port {port}: {error}\n")
        return 1
    finally:
        connection.close()
    sys.stdout.write(f"{answer.status} {said}\n")
    return 0 if answer.status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
