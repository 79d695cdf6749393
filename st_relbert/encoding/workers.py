"""How many workers, and what each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Workers:
    """The workers of an engine.

    Args:
        count: How many; None: as many as there is room for.
        cpus: CPUs of each worker, on Ray.
        gpus: GPUs of each worker, on Ray; 0.5: two workers share one.

    Raises:
        ValueError: If a number makes no sense.
    """

    count: int | None = None
    cpus: float = 1
    gpus: float = 0

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise ValueError(f"The number of workers is {self.count}, expected 1 or more.")
        if self.cpus <= 0 or self.gpus < 0:
            raise ValueError(
                f"A worker has {self.cpus} CPUs and {self.gpus} GPUs, expected more than 0, and 0 or more."
            )

    def on(self, resources: Mapping[str, float]) -> int:
        """How many workers a cluster runs.

        Args:
            resources: What the cluster has, as Ray names it: ``CPU`` and ``GPU``.

        Raises:
            ValueError: If there is no room for the workers that are asked for.
        """
        room = resources.get("CPU", 0) / self.cpus
        if self.gpus:
            room = min(room, resources.get("GPU", 0) / self.gpus)
        if int(room) < (self.count or 1):
            raise ValueError(
                f"The cluster has {resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs, expected "
                f"{self.cpus:g} and {self.gpus:g} for each of {self.count or 1} workers. Ask for fewer workers, or for "
                "less for each."
            )
        return self.count or int(room)
