"""Ports of this machine that can be listened on."""

import random
import socket
from collections.abc import Iterator

# Below the range from which systems take the ports of outgoing connections: who starts again finds its port free.
FREE_PORTS = range(20000, 32000)


def free_ports() -> Iterator[int]:
    """Ports that nobody uses at the moment they are asked for, in random order, each once."""
    return (port for port in random.sample(FREE_PORTS, len(FREE_PORTS)) if is_free(port))


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
