"""For all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "house", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # tests wait for conditions, not for time: a machine that is busy is no fault
settings.load_profile("house")
