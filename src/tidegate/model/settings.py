"""What a project's `tidegate.yml` says, as values: the configuration adapter makes them, the services read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from tidegate.model.contract import Contract
from tidegate.model.dataset import DatasetRef
from tidegate.model.judgement import Check
from tidegate.model.notification import Hush, Route
from tidegate.model.slo import Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseSettings:
    """Where the versions are: `type` is a registered adapter, `database` the file name that the profile has.

    `adopt` is an existing database whose copy becomes version 1; with `link_back` the original becomes a link to the
    live file.
    """

    type: str
    path: Path
    database: str
    adopt: Path | None = None
    link_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """One step: `kind` is a registered adapter, `target` what it runs, `options` its own settings."""

    name: str
    kind: str
    target: str
    timeout: timedelta
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """What the team says about one table; everything else is inferred. `source` is the side that `reconcile` compares it
    with, such as `source/shop.db::orders`.
    """

    ref: DatasetRef
    time_column: str | None = None
    grain: str | None = None
    key: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    ignore: bool = False
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """What a product promises its readers, over a rolling `window`; what is None is not promised.

    `freshness` is the greatest age of what readers see, `latency` the greatest time of an answer; `quality`, `completeness`
    and `availability` are shares, 0 to 1. `objective` is the share of the time in which `freshness` and `latency` are kept; with
    `of_rows`, `quality` counts rows and not checks. `metrics` are names of checks, each with the share of the time in which it
    passes.
    """

    freshness: timedelta | None = None
    quality: float | None = None
    completeness: float | None = None
    availability: float | None = None
    latency: timedelta | None = None
    objective: float = 0.99
    of_rows: bool = False
    metrics: tuple[tuple[str, float], ...] = ()
    window: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A data product: tables that somebody owns and others read; tier 1 matters most, 4 least.

    `tables` may be patterns with `*`, `?` and `[...]` in schema and name.
    """

    name: str
    tables: tuple[DatasetRef, ...]
    owner: str | None
    tier: int
    runbook: str | None = None
    consumers: tuple[str, ...] = ()
    slo: Slo = Slo()
    probes: tuple[Probe, ...] = ()

    def covers(self, ref: DatasetRef) -> bool:
        """Whether a table is one of the product's."""
        return any(fits(ref, pattern) for pattern in self.tables)


def fits(ref: DatasetRef, pattern: DatasetRef) -> bool:
    """Whether a table has the name, or fits the pattern."""
    return ref == pattern or (fnmatchcase(ref.namespace, pattern.namespace) and fnmatchcase(ref.name, pattern.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many retired and held versions stay on disk, and for how long; whichever keeps more wins."""

    versions: int = 10
    days: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What comes into an environment from another one: from `source`, when each role of `approvals` has approved, and who
    may (nobody named: anybody). With `only_promoted_code`, code that did not come so is not run there.
    """

    source: str | None = None
    approvals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    only_promoted_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A project. `root` is the folder of tidegate.yml; `learned` is hold, warn or off: what learned bands may do.

    With `strict`, a check that passes because it looked at nothing, or because it cannot see the fault, holds.

    `quarantine_limit` is the share of a table's rows (0 to 1) that one step of a run may put into quarantine.

    With `hold_risky`, a version that comes with a finding or a warning is held while an error budget is spent.

    `state` is the address of the state store as it is written, with its `${NAME}`; None is the file at `state_path`.

    `contracts` are what `contract_files` say, once they are read. `maintenance` holds for every route.

    `environment` is the chosen one (None: the file's own settings), `environments` are all that the file has, in its order.
    """

    root: Path
    warehouse: WarehouseSettings
    steps: tuple[StepSettings, ...]
    checks: tuple[Check, ...] = ()
    contract_files: tuple[Path, ...] = ()
    contracts: tuple[Contract, ...] = ()
    tables: Mapping[DatasetRef, TableSettings] = field(default_factory=dict)
    products: tuple[Product, ...] = ()
    routes: tuple[Route, ...] = ()
    maintenance: tuple[Hush, ...] = ()
    retention: Retention = Retention()
    learned: str = "hold"
    strict: bool = False
    quarantine_limit: float = 0.05
    false_alarms_per_month: float = 2.0
    sample_rows: int = 20
    masked_columns: tuple[str, ...] = ()
    hold_risky: bool = False
    state: str | None = None
    mask_personal_data: bool = True
    environment: str | None = None
    environments: tuple[str, ...] = ()
    promotion: Promotion = Promotion()
    state_folder: Path | None = None

    @property
    def own_folder(self) -> Path:
        """Tidegate's own: `.tidegate` in the project, unless the file says otherwise."""
        return self.state_folder or self.root / ".tidegate"

    @property
    def state_path(self) -> Path:
        """Where the state store is."""
        return self.own_folder / "state.db"

    @property
    def work_path(self) -> Path:
        """Scratch space that outlives runs: generated profiles and logs."""
        return self.own_folder / "work"

    @property
    def logs_path(self) -> Path:
        """The steps' logs, a folder per run."""
        return self.own_folder / "logs"
