"""Every fault that the promise is tested against."""

from functools import partial

from tests.faults import edits, full_disks, processes, services, visitors
from tests.faults.trial import Fault

LEASE_SECONDS = 3

FAULTS = [
    Fault("worker killed, picture claimed", partial(processes.kill_at, service="worker", point="claimed")),
    Fault("worker killed during decode", partial(processes.kill_at, service="worker", point="decode", seconds=0.002)),
    Fault("worker killed before its result is stored", partial(processes.kill_at, service="worker", point="store")),
    Fault("worker killed after its result is stored", partial(processes.kill_at, service="worker", point="stored")),
    Fault("worker killed before its commit", partial(processes.kill_at, service="worker", point="commit")),
    Fault("worker killed after its commit", partial(processes.kill_at, service="worker", point="committed")),
    Fault("worker killed at its notice", partial(processes.kill_at, service="worker", point="notify")),
    Fault("worker killed during an edit", edits.killed_over_one),
    Fault("workers told to stop", partial(processes.terminate, service="worker")),
    Fault(
        "worker suspended past its lease",
        partial(processes.suspend_worker, points="decode store stored", seconds=LEASE_SECONDS + 2),
    ),
    Fault("worker suspended in its transaction", partial(processes.suspend_worker, points="commit", seconds=12)),
    Fault("decoder crashes", processes.crash_children),
    Fault("decoder hangs", processes.hang_child),
    Fault("a poison picture among 50", processes.poison, load=False),
    Fault("web killed before an original is stored", partial(processes.kill_at, service="web", point="store")),
    Fault("web killed after an original is stored", partial(processes.kill_at, service="web", point="stored")),
    Fault("web killed before its commit", partial(processes.kill_at, service="web", point="commit")),
    Fault("web killed after its commit, unanswered", partial(processes.kill_at, service="web", point="committed")),
    Fault("web told to stop", partial(processes.terminate, service="web")),
    Fault("web suspended", processes.suspend_web),
    Fault("websockets closed cleanly", visitors.close_sockets),
    Fault("1,000 clients come back at once", processes.restart_web, screens=1000),
    Fault("every message dropped", partial(services.spoil_messages, act="drop")),
    Fault("every message doubled", partial(services.spoil_messages, act="double")),
    Fault("messages late and out of order", partial(services.spoil_messages, act="delay", seconds=1.5)),
    Fault("Redis away", services.redis_away),
    Fault("Redis hangs", services.redis_hangs),
    Fault("Redis restarted", services.redis_restarts),
    Fault("Redis flushed", services.redis_flushed),
    Fault("database crashes", services.database_crashes),
    Fault("database away", services.database_away),
    Fault("upload cut at half", visitors.upload_cut),
    Fault("uploads at a byte a second", visitors.upload_crawls),
    Fault("20 clients never read", visitors.clients_never_read),
    Fault("one key five times", visitors.same_key_five_times),
    Fault("two removals at once", visitors.removed_twice),
    Fault("removed while compressed", visitors.removed_while_compressed),
    Fault("two edits at once", edits.two_at_once),
    Fault("an edit and a removal at once", edits.against_removal),
    Fault("web clock two hours ahead", partial(processes.clock_wrong, process="web.1", seconds=7200)),
    Fault("web clock two hours behind", partial(processes.clock_wrong, process="web.1", seconds=-7200)),
    Fault("worker clocks two hours ahead", partial(processes.clock_wrong, process="worker", seconds=7200)),
    Fault("worker clocks two hours behind", partial(processes.clock_wrong, process="worker", seconds=-7200)),
    Fault("disk of pictures full", full_disks.media_full, mounts=True),
    Fault("disk of pictures nearly full", full_disks.media_nearly_full, mounts=True),
    Fault("no room for temporary files", full_disks.temporary_files_full, mounts=True),
    Fault("disk of the database full", full_disks.database_disk_full, mounts=True),
]
FAULTS += [
    Fault(f"one process: {name}", inject, embedded=True)
    for name, inject in {
        "killed before an original is stored": partial(processes.kill_at, service="serve", point="store"),
        "killed before a commit": partial(processes.kill_at, service="serve", point="commit"),
        "killed after a commit": partial(processes.kill_at, service="serve", point="committed"),
        "killed, picture claimed": partial(processes.kill_at, service="serve", point="claimed"),
        "killed during decode": partial(processes.kill_at, service="serve", point="decode", seconds=0.002),
        "killed during an edit": partial(edits.killed_over_one, service="serve"),
        "told to stop": processes.restart_server,
        "decoder crashes": partial(processes.crash_children, service="serve"),
        "websockets closed cleanly": partial(visitors.close_sockets, service="serve"),
        "one key five times": visitors.same_key_five_times,
        "two removals at once": visitors.removed_twice,
        "two edits at once": partial(edits.two_at_once, service="serve"),
        "an edit and a removal at once": edits.against_removal,
    }.items()
]
FAULTS.append(Fault("one process: disk full", full_disks.one_disk_full, embedded=True, mounts=True))
SLOW = {
    "Redis away",
    "Redis hangs",
    "Redis restarted",
    "database away",
    "database crashes",
    "disk of the database full",
}
CEILING_SECONDS, SLOW_CEILING_SECONDS = 15.0, 60.0


def ceiling_seconds(fault: Fault) -> float:
    """Within what time everything must be in agreement again after each single trial, whatever the percentiles say."""
    return SLOW_CEILING_SECONDS if fault.name in SLOW else CEILING_SECONDS
