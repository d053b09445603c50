"""A column that counts up: what its numbers are about, in the argument of a metric and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from tidegate.model.measurement import MetricSpec
from tidegate.model.words import counted

UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class CountsUp:
    """A column whose values follow each other: by one, or times by so many seconds (`every`); for each value of `key`, where there is one."""

    column: str
    every: float | None = None
    key: str | None = None

    @property
    def step(self) -> float:
        """From one value to the next."""
        return 1.0 if self.every is None else self.every

    @property
    def argument(self) -> str:
        """As the argument of a number: `1`, `300 s by device`."""
        step = "1" if self.every is None else f"{self.every:.6f}".rstrip("0").rstrip(".") + " s"
        return step if self.key is None else f"{step} by {self.key}"

    @classmethod
    def of(cls, spec: MetricSpec) -> Self:
        """The one that a number is about."""
        step, _, key = (spec.argument or "1").partition(" by ")
        return cls(spec.column or "", float(step[:-2]) if step.endswith(" s") else None, key or None)

    def __str__(self) -> str:
        """How it counts: `by one for each order_no`, `every 5 minutes`."""
        each = f" for each {self.key}" if self.key is not None else ""
        if self.every is None:
            return f"by one{each}"
        size, unit = next(((n, unit) for n, unit in UNITS if self.every % n == 0), UNITS[-1])
        return f"every {unit if self.every == size else counted(self.every / size, unit)}{each}"
