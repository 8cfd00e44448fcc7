"""What every bus promises. An adapter's test class inherits it and gives the `bus` fixture.

That is an open bus whose topics are empty. Nothing here knows an adapter; the topics are the
product's own, with two partitions or more.
"""

from __future__ import annotations

from tests.contract.bus.processing import ProcessContract
from tests.contract.bus.projecting import ProjectContract
from tests.contract.bus.publishing import PublishContract, ReadContract
from tests.contract.bus.recovering import RecoverContract
from tests.contract.bus.working import WorkContract


class BusContract(PublishContract, ReadContract, ProcessContract, RecoverContract, WorkContract, ProjectContract):
    """All of it."""
