"""What a project's `tidegate.yml` says, as values: the configuration adapter makes them, the services read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta, tzinfo
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.model.contract import Contract
    from tidegate.model.dataset import DatasetRef
    from tidegate.model.judgement import Check
    from tidegate.model.notification import Hush, Route
    from tidegate.model.slo import Probe

COMMON_HOLIDAYS, NO_HOLIDAYS = "common", "none"
"""The words in place of a country: days that are holidays in many, and no days at all."""

WEEKEND = frozenset({5, 6})
"""Saturday and Sunday; Monday is 0."""


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
    with, such as `source/shop.db::orders`. `zone`, `holidays` and `weekend` are as those of `Settings`, and theirs where nothing
    is said. Without `seasonality` weekdays, hours and months are not compared with their like.
    """

    ref: DatasetRef
    time_column: str | None = None
    grain: str | None = None
    zone: tzinfo | None = None
    holidays: str = COMMON_HOLIDAYS
    weekend: frozenset[int] = WEEKEND
    seasonality: bool = True
    false_alarms_per_month: float | None = None
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

    `tables` may be patterns with `*`, `?` and `[...]` in schema and name. `false_alarms_per_month` is shared by those of its
    tables that have none of their own.
    """

    name: str
    tables: tuple[DatasetRef, ...]
    owner: str | None
    tier: int
    runbook: str | None = None
    consumers: tuple[str, ...] = ()
    slo: Slo = Slo()
    false_alarms_per_month: float | None = None
    probes: tuple[Probe, ...] = ()

    def covers(self, ref: DatasetRef) -> bool:
        """Whether a table is one of the product's."""
        return any(fits(ref, pattern) for pattern in self.tables)


def fits(ref: DatasetRef, pattern: DatasetRef) -> bool:
    """Whether a table has the name, or fits the pattern."""
    return ref == pattern or (fnmatchcase(ref.namespace, pattern.namespace) and fnmatchcase(ref.name, pattern.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many retired and held versions stay on disk, and for how long; whichever keeps more wins. Sent messages and answers
    of probes stay in the state store for `history_days`.
    """

    versions: int = 10
    days: int = 7
    history_days: int = 400


OWN_FOLDER = ".tidegate"
"""Where a project has Tidegate's own files; those of an environment may be in a folder of it."""


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

    `links` are (title, URL) that messages end with; `{incident}` in a URL is the number.

    With `hold_risky`, a version that comes with a finding or a warning is held while an error budget is spent.

    `state` is the address of the state store as it is written, with its `${NAME}`; None is the file at `state_path`.

    `contracts` are what `contract_files` say, once they are read. `maintenance` holds for every route.

    Days, weeks and months begin in `zone`, UTC where it is None. `holidays` is a country, `common` for days that are holidays in
    many, or `none`; `named_days` has the days of each country that is named, once they are looked up. Monday is 0 in `weekend`.
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
    links: tuple[tuple[str, str], ...] = ()
    maintenance: tuple[Hush, ...] = ()
    retention: Retention = Retention()
    learned: str = "hold"
    strict: bool = False
    quarantine_limit: float = 0.05
    false_alarms_per_month: float = 2.0
    zone: tzinfo | None = None
    holidays: str = COMMON_HOLIDAYS
    weekend: frozenset[int] = WEEKEND
    named_days: Mapping[str, Mapping[date, str]] = field(default_factory=dict, metadata={"json": False})
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
        return self.state_folder or self.root / OWN_FOLDER

    def table(self, ref: DatasetRef) -> TableSettings:
        """What is said about a table; the project's word about one that is not named."""
        return self.tables.get(
            ref, TableSettings(ref=ref, zone=self.zone, holidays=self.holidays, weekend=self.weekend)
        )

    @property
    def countries(self) -> tuple[str, ...]:
        """The countries whose holidays are asked for."""
        said = {self.holidays, *(t.holidays for t in self.tables.values())}
        return tuple(sorted(said - {COMMON_HOLIDAYS, NO_HOLIDAYS}))

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
