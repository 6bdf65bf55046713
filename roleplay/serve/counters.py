"""What is counted while serving, for programs that watch it; no word that anybody said.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from roleplay.generation.rolling import Rolling
from roleplay.serve.answer import Answer, Said

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OK = 200
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Counters:
    """Counters of one server."""

    def __init__(self, rollings: Iterable[Rolling]) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=True)
        by = ["model"]
        self.requests = Counter(
            "roleplay_requests", "Requests for replies, by HTTP status", ["model", "status"], registry=registry
        )
        self.left = Counter(
            "roleplay_requests_left", "Requests whose client left before the end", by, registry=registry
        )
        self.prompt_tokens = Counter("roleplay_prompt_tokens", "Tokens sent to a model", by, registry=registry)
        self.new_tokens = Counter("roleplay_new_tokens", "Tokens of replies", by, registry=registry)
        self.first = Histogram(
            "roleplay_first_text_seconds", "From request to first text", by, buckets=_SECONDS, registry=registry
        )
        self.whole = Histogram(
            "roleplay_reply_seconds", "From request to its end", by, buckets=_SECONDS, registry=registry
        )
        self.registry.register(_Load(tuple(rollings)))

    def tally(self, model: str, answer: Answer, begun: float) -> "Tally":
        """Count a request that was begun at `begun`, of `time.perf_counter`."""
        return Tally(self, model, answer, begun)

    def text(self) -> bytes:
        """All of them, in the text form."""
        return generate_latest(self.registry)


class Tally:
    """One request, counted when it is over."""

    def __init__(self, counters: "Counters", model: str, answer: Answer, begun: float) -> None:
        self.counters, self.model, self.answer, self.begun = counters, model, answer, begun
        self.status = OK
        self.whole = False
        """Whether all was said that was to be said."""
        self._spoken = False

    def note(self, said: Said) -> None:
        """Something was said."""
        if said.text and not self._spoken:
            self._spoken = True
            self.counters.first.labels(self.model).observe(time.perf_counter() - self.begun)

    def close(self) -> None:
        """The request is over."""
        counters = self.counters
        counters.prompt_tokens.labels(self.model).inc(self.answer.prompt_tokens)
        counters.new_tokens.labels(self.model).inc(sum(self.answer.tokens))
        if self.whole:
            counters.whole.labels(self.model).observe(time.perf_counter() - self.begun)
        elif self.status == OK:
            counters.left.labels(self.model).inc()
        counters.requests.labels(self.model, self.status).inc()


class _Load:
    """How many replies there are, asked when somebody looks."""

    def __init__(self, rollings: tuple[Rolling, ...]) -> None:
        self.rollings = rollings

    def collect(self) -> Iterable[Metric]:
        """The two gauges."""
        loads = [rolling.load for rolling in self.rollings]
        for at, (name, what) in enumerate((("running", "computed at this moment"), ("waiting", "waiting for a place"))):
            gauge = GaugeMetricFamily(f"roleplay_replies_{name}", f"Replies {what}")
            gauge.add_metric([], sum(load[at] for load in loads))
            yield gauge
