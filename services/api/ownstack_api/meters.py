"""Counts the requests, by method and status, and puts what is known of the process as figures for `/metrics`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Meters:
    """What is counted since the process began."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self._erasing_waits_until = 0.0

    @property
    def erasing_is_waiting(self) -> bool:
        """Whether keys of apps that are gone are not destroyed now, since something is in the way."""
        return time.monotonic() < self._erasing_waits_until

    def erasing_waits(self, seconds: float) -> None:
        """Erasing has failed; if it does not again in so many seconds, it goes on. 0: it goes on."""
        self._erasing_waits_until = time.monotonic() + seconds

    def count(self, method: str, status: int) -> None:
        """Count a request. Methods that nobody has heard of are one: a caller must not be able to make up rows."""
        self.requests[(method if method in _METHODS else "other", status)] += 1


class Counted:
    """Middleware: counts each request when its answer begins."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._meters.count(scope["method"], message["status"])
            await send(message)

        await self._app(scope, receive, counted)


class Figures(Collector):
    """What one look at the API has found. Of the house that was asked, and not of the process: there may be several."""

    def __init__(self, meters: Meters, streams: int, lags: Mapping[int, int] | None) -> None:
        """streams: open ones. lags: per partition, how many records of the history the read model does not hold; None:
        bus or read model did not say."""
        self._families: Sequence[Metric] = (
            _known(lags is not None),
            _behind(lags or {}),
            GaugeMetricFamily("ownstack_api_streams_open", "Open streams.", streams),
            _answered(meters.requests),
            _erasing(meters.erasing_is_waiting),
        )

    def collect(self) -> Iterator[Metric]:
        """As Prometheus has it."""
        return iter(self._families)


def _known(known: bool) -> Metric:
    meaning = "Whether bus and read model answered when they were asked for the lag."
    return GaugeMetricFamily("ownstack_api_lag_known", meaning, float(known))


def _behind(lags: Mapping[int, int]) -> Metric:
    meaning = "Records of the history that the read model does not hold yet."
    family = GaugeMetricFamily("ownstack_readmodel_lag", meaning, labels=["partition"])
    for partition, lag in sorted(lags.items()):
        family.add_metric([str(partition)], lag)
    return family


def _erasing(waits: bool) -> Metric:
    meaning = "1 while keys of apps that are gone are not destroyed, since something is in the way: the log says what."
    return GaugeMetricFamily("ownstack_api_erasing_waits", meaning, float(waits))


def _answered(requests: Mapping[tuple[str, int], int]) -> Metric:
    family = CounterMetricFamily("ownstack_api_requests", "Requests answered.", labels=["method", "status"])
    for (method, status), count in sorted(requests.items()):
        family.add_metric([method, str(status)], count)
    return family
