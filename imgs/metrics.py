"""Numbers for Prometheus. What the database knows is read when asked for; the rest is counted in this process."""

from collections.abc import Iterable
from typing import ClassVar

from django.db.models import Count
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from imgs import jobs
from imgs.clock import clock
from imgs.models import UploadedImage

CONTENT_TYPE = CONTENT_TYPE_LATEST
registry = CollectorRegistry()
uploads = Counter("dinding_uploads", "Uploads this process has accepted", registry=registry)
sockets = Gauge("dinding_sockets", "Websockets open in this process", registry=registry)


class Images(Collector):
    """The state of all galleries together, as the database has it."""

    statuses: ClassVar = [UploadedImage.Status.QUEUED, UploadedImage.Status.READY, UploadedImage.Status.FAILED]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Images by status, and the queue's length and oldest age."""
        clock.refresh()
        counted = dict(UploadedImage.objects.values_list("status").annotate(n=Count("pk")))
        for status in self.statuses:
            yield GaugeMetricFamily(f"dinding_{status}", f"Images that are {status}", value=counted.get(status, 0))
        queue = jobs.queue_facts()
        yield GaugeMetricFamily(
            "dinding_queue_length", "Images that wait for a worker or are with one", value=queue["length"]
        )
        age = clock.now() - queue["oldest"].timestamp() if queue["oldest"] else 0
        yield GaugeMetricFamily(
            "dinding_queue_oldest_seconds", "Age of the oldest image in the queue", value=max(0, age)
        )


registry.register(Images())


def text() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry)
