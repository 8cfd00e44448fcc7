"""These take half an hour and a quiet machine: `make faults-kafka` runs them, and nothing else does."""

import os

import pytest

pytest.register_assert_rewrite("tests.faults.kafka.house")

collect_ignore_glob = [] if os.environ.get("OWNSTACK_FAULTS") else ["test_kills.py", "test_stops.py", "test_brokers.py"]
