"""What differs between a container and a process here: names of hosts, ports, and where the volumes are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.fleet.compose import ComposeError, Service
from deploy.fleet.ports import free_ports, is_free


@dataclass(frozen=True)
class Loopback:
    """Translates what is written for containers. `ports` holds the loopback ports of each service's replicas."""

    services: Mapping[str, Service]
    ports: Mapping[str, list[int]]
    folders: Mapping[str, Path]

    def translate(self, text: str, service: Service, number: int) -> str:
        """`text` for replica `number` (from 1) of `service`: all hosts, ports and volumes are on this machine."""
        for other in self.services.values():
            if other.port and other is not service:
                text = re.sub(rf"\b{other.name}:{other.port}\b", f"127.0.0.1:{self.ports[other.name][0]}", text)
        text = text.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 (it is taken out here)
        if service.port:
            own = str(self.ports[service.name][number - 1])
            text = own if text == str(service.port) else text.replace(f"127.0.0.1:{service.port}", f"127.0.0.1:{own}")
        for inside, here in self.folders.items():
            text = re.sub(rf"(?<![\w/.]){re.escape(inside)}(?=/|$)", str(here), text, flags=re.MULTILINE)
        return text

    def environment(self, service: Service, number: int) -> dict[str, str]:
        """The environment of one replica."""
        return {name: self.translate(value, service, number) for name, value in service.environment.items()}

    def command(self, words: list[str], service: Service, number: int) -> list[str]:
        """A command line, of the service or of its healthcheck, for one replica."""
        return [self.translate(word, service, number) for word in words]


def choose_ports(services: Mapping[str, Service], replicas: Mapping[str, int]) -> dict[str, list[int]]:
    """A port for every replica that listens: the published one where there is one, else one that is free now."""
    chosen: dict[str, list[int]] = {}
    free = free_ports()
    for service in services.values():
        if service.published_port:
            if not is_free(service.published_port):
                raise ComposeError(f"port {service.published_port} is taken; choose another: make fleet PORT=8081")
            chosen[service.name] = [service.published_port]
        elif service.port:
            chosen[service.name] = [next(free) for _ in range(replicas.get(service.name, 1))]
    return chosen
