"""The shape of `tidegate.yml`: the only place that knows its keys; the JSON Schema and the reference come from it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from tidegate.config.demands import demand_known, demand_ordered

T = TypeVar("T")

DURATION = re.compile(r"^\s*(\d{1,8}(?:\.\d+)?)\s*(s|m|h|d|w)\s*$")
"""Eight digits: more weeks than that do not fit into a `timedelta`."""

SHARE_OR_NUMBER = re.compile(r"^\s*(?:\d{1,3}(?:\.\d+)?\s*%|0?\.\d+|1(?:\.0+)?)\s*$")
SHARE = re.compile(r"^\s*(\d{1,3}(?:\.\d+)?)\s*%\s*$")

URL = re.compile(r"^https?://[^\s/?#]+\S*$(?!\n)")

NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
NAMED_OR_NONE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*):-\}")
"""The whole of a value that may be missing, as a shell writes it."""
"""A value that the environment has."""

SHORTEST_WINDOW_S = 3600.0
"""The shortest alarm looks at 1/8640 of a window, which would be less than half a second."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

TABLE = re.compile(r'^(?:"((?:[^"]|"")+)"|([^".][^.]*))\.(?=[\s\S])')
"""A schema, in double quotes if it has a dot, and the dot before the name."""


CONTRACTS = ("contracts/*.odcs.yaml", "*.odcs.yaml")
"""Where contracts are looked for when `contracts:` is not written; there need not be any."""


def seconds(text: str) -> float:
    """Turn `90s`, `30m`, `24h`, `7d`, `2w` into seconds.

    Raises:
        ValueError: not such a duration.
    """
    found = DURATION.match(text)
    if not found:
        raise ValueError(f"`{text}` is not a duration such as 90s, 30m, 24h or 7d")
    return float(found[1]) * UNITS[found[2]]


def share(text: str) -> float:
    """Turn `99.5%` into 0.995.

    Raises:
        ValueError: not such a share.
    """
    found = SHARE.match(text)
    if not found:
        raise ValueError(f"`{text}` is not a share such as 99.5%")
    return round(float(found[1]) / 100, 12)


def share_of_rows(said: float | str) -> float:
    """Turn `5%`, 0.05 or `0.05` in quotes into 0.05.

    Raises:
        ValueError: it is not above 0 and up to 1.
    """
    found = share(said) if isinstance(said, str) and "%" in said else float(said)
    if not 0 < found <= 1:
        raise ValueError(f"`{said}` is not a share above 0 and up to 1, such as `0.05` or `5%`")
    return found


def table_name(text: str) -> tuple[str, str]:
    """Split `raw.orders` into schema and name. A schema with a dot is put into double quotes: `"my.raw".orders`.

    Raises:
        ValueError: one of the two is missing.
    """
    found = TABLE.match(text)
    if not found:
        raise ValueError(f"`{text}` is not a table name such as `raw.orders` (schema, dot, name)")
    return found[1].replace('""', '"') if found[1] else found[2], text[found.end() :]


def about(text: str) -> Meta:
    """What the JSON Schema and the reference say about a key."""
    return Meta(description=text)


def called(text: str, *, pattern: str | None = None) -> Meta:
    """How an error calls the values that are allowed."""
    return Meta(pattern=pattern, extra={"called": text})


Name = Annotated[str, called("a name made of letters, digits, `_`, `-` and `.`", pattern=r"^[A-Za-z0-9_.-]+$(?!\n)")]
"""Python's `$` also matches before a last line break, which is no part of a name."""

Duration = Annotated[str, called("a duration such as 90s, 30m, 24h or 7d", pattern=DURATION.pattern)]
Share = Annotated[str, called("a share such as 99.5%", pattern=SHARE.pattern)]
ShareOfRows = Annotated[
    Annotated[float, Meta(gt=0, le=1)] | Annotated[str, Meta(pattern=SHARE_OR_NUMBER.pattern)],
    called("a share above 0 and up to 1, such as `0.05` or `5%`"),
]
TableName = Annotated[
    str,
    about("schema and name, such as `raw.orders`"),
    called("a table name such as `raw.orders` (schema, dot, name)", pattern=TABLE.pattern),
]
Target = Annotated[
    str,
    about("the channel, a colon and the address: `slack:#data-incidents`, `email:oncall@example.com`"),
    called("a channel and an address such as `slack:#data-incidents`", pattern=r"^[a-z][a-z0-9-]*:[^\r\n]*$(?!\n)"),
]
Clock = Annotated[str, called("a time of day such as `22:00`, in quotes", pattern=r"^([01]\d|2[0-3]):[0-5]\d$(?!\n)")]
ClockOrMoment = Annotated[
    str,
    called(
        "a time of day such as `22:00` or a moment such as `2026-06-01 22:00`, in quotes",
        pattern=r"^(\d{4}-\d\d-\d\d[ T])?([01]\d|2[0-3]):[0-5]\d$(?!\n)",
    ),
]
SeverityName = Literal["sev1", "sev2", "sev3", "sev4"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKEND: tuple[Day, ...] = ("sat", "sun")
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Unless = Annotated[SeverityName | None, about("what is as severe or worse is told all the same")]
ZoneName = Annotated[str, about("such as `Europe/Berlin`")]
Scalar = Annotated[str | int | float | bool, called("a text, a number, `true` or `false`")]
Switch = Annotated[bool | Literal["yes", "no", "on", "off"], called("`true` or `false`")]
"""YAML 1.2 reads `yes` as a text; who knows it from YAML 1.1, as dbt reads it, means true."""


def is_on(said: Switch) -> bool:
    """What a switch says."""
    return said in (True, "yes", "on")


def convert(plain: object, kind: type[T]) -> T:
    """Plain values as `kind`; a number or a switch may be written as a text, in quotes.

    Raises:
        msgspec.ValidationError: the first fault; its path lacks the keys of mappings, see `tidegate.config.explain`.
    """
    return msgspec.convert(plain, kind, strict=False)


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of the file; a key that is not listed is an error."""


class WarehousePart(Part, frozen=True):
    """Where the versions of the warehouse are."""

    type: Annotated[str, about("a registered warehouse adapter; `duckdb` is built in")] = "duckdb"
    path: Annotated[str, about("the folder of versions, relative to this file")] = "warehouse"
    database: Annotated[
        str | None,
        about(
            "file name of the database, as the dbt profile has it; default: the adopted file's, else `<folder>.duckdb`"
        ),
    ] = None
    adopt: Annotated[str | None, about("an existing database whose copy becomes version 1 at the first run")] = None
    link_back: Annotated[Switch, about("replace the adopted database by a link to the live one")] = False


class StepPart(Part, frozen=True, forbid_unknown_fields=False):
    """One step. Besides the keys below it has exactly one key that names its kind: `dlt`, `dbt`, `run`, or a plug-in's."""

    name: Annotated[Name, about("unique; letters, digits, `_`, `-`, `.`")]
    timeout: Annotated[Duration, about("a step that runs longer is stopped with all its children")] = "2h"
    env: Annotated[
        dict[str, str],
        about("environment variables for this step; `${NAME}` is the environment's, `${TIDEGATE_DATABASE}` the file"),
    ] = {}
    args: Annotated[list[str], about("arguments added to the command")] = []
    dlt: Annotated[str | None, about("a dlt script, relative to this file")] = None
    dbt: Annotated[str | None, about("a folder with a dbt_project.yml, relative to this file")] = None
    run: Annotated[
        str | None,
        about("one command, without a shell (`sh -c '...'` is one); `TIDEGATE_DATABASE` is the candidate's file"),
    ] = None
    python: Annotated[str | None, about("dlt: the Python that has dlt installed")] = None
    pipelines: Annotated[list[str] | None, about("dlt: pipelines whose names cannot be read from the script")] = None
    executable: Annotated[str | None, about("dbt: the dbt program")] = None
    command: Annotated[str | None, about("dbt: build (default), run, test, seed or snapshot")] = None
    select: Annotated[str | None, about("dbt: node selection")] = None
    target: Annotated[str | None, about("dbt: target of the profile")] = None
    profile: Annotated[str | None, about("dbt: profile, if not the one in dbt_project.yml")] = None
    profiles_dir: Annotated[str | None, about("dbt: folder of profiles.yml, if not found by dbt's own rules")] = None
    vars: Annotated[dict[str, Any] | None, about("dbt: variables")] = None
    backfill_vars: Annotated[
        list[str] | None,
        about("dbt: two variables that `backfill` gives its from and its to, for models without batches"),
    ] = None
    tests: Annotated[
        Literal["tidegate", "dbt"] | None,
        about(
            "dbt: who evaluates the tests of `dbt build` that Tidegate has an entry for; `tidegate` (default) once, in its scan,"
            " with dbt's verdicts; `dbt` lets dbt run them as well"
        ),
    ] = None


class BoundsPart(Part, frozen=True):
    """A lower and an upper bound, both included; at least one."""

    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ValueError("give `min`, `max` or both")
        demand_ordered(self.min, self.max)


class AcceptedValuesPart(Part, frozen=True):
    """A column and the values that it may have."""

    column: str
    values: list[Scalar]
    quote: Switch = True


class RelationshipsPart(Part, frozen=True):
    """A column whose values exist in another table's column."""

    column: str
    to: TableName
    field: str


class FreshnessPart(Part, frozen=True):
    """A time column whose newest value is not older than an age."""

    column: str
    max_age: Duration


class CheckPart(Part, frozen=True):
    """One check: exactly one of the keys from `rule` to `test` says what is demanded."""

    table: Annotated[TableName | None, about("the table; may be left out for `metric`")] = None
    name: Annotated[str | None, about("how results call it; default: made from the demand")] = None
    rule: Annotated[str | None, about("a SQL predicate that must not be false for any row")] = None
    not_null: str | list[str] | None = None
    unique: str | list[str] | None = None
    accepted_values: AcceptedValuesPart | None = None
    relationships: RelationshipsPart | None = None
    row_count: BoundsPart | None = None
    freshness: FreshnessPart | None = None
    metric: Annotated[str | None, about("a SQL query that gives one number; `min` and `max` bound it")] = None
    min: Annotated[float | None, about("metric: lowest allowed value")] = None
    max: Annotated[float | None, about("metric: highest allowed value")] = None
    test: Annotated[
        str | None,
        about(
            "a generic test of dbt_utils or dbt_expectations by its full name, such as `dbt_utils.recency`, without dbt"
        ),
    ] = None
    column: Annotated[str | None, about("test: the column that it is about, where it is about one")] = None
    arguments: Annotated[
        dict[str, Any] | None, about("test: its arguments as in dbt; another table is `schema.table`")
    ] = None
    where: Annotated[str | None, about("a SQL predicate; only rows for which it is true are looked at")] = None
    severity: Literal["error", "warn"] = "error"
    warn_if: Annotated[str, about("dbt's: when the number of failures warns")] = "!= 0"
    error_if: Annotated[str, about("dbt's: when the number of failures fails")] = "!= 0"
    on_fail: Annotated[
        Literal["hold", "warn", "quarantine"],
        about(
            "hold the version, publish it and tell, or move the rows that fail into quarantine and publish the rest"
            " (`rule`, `not_null`, `accepted_values`, `relationships`, and each `test` of single rows)"
        ),
    ] = "hold"
    tags: Annotated[list[str], about("words to select it by: `tidegate check --select tag:WORD`")] = []

    def __post_init__(self) -> None:
        given = [name for name in DEMANDS if getattr(self, name) is not None]
        if len(given) != 1:
            found = ", ".join(f"`{g}`" for g in given) or "none"
            raise ValueError(f"exactly one of {', '.join(DEMANDS)} is needed; found {found}")
        if self.table is None and given[0] != "metric":
            raise ValueError(f"`{given[0]}` needs a `table`")
        if given[0] == "metric" and self.min is None and self.max is None:
            raise ValueError("`metric` needs `min`, `max` or both")
        demand_ordered(self.min, self.max)
        if given[0] != "metric" and (self.min is not None or self.max is not None):
            raise ValueError("`min` and `max` belong to `metric`; a row count has them inside `row_count`")
        if self.test is not None:
            demand_known(self.test, self.column, self.arguments or {}, moves=self.on_fail == "quarantine")
        elif self.column is not None or self.arguments is not None:
            raise ValueError("`column` and `arguments` belong to `test`")
        if self.on_fail == "quarantine" and given[0] not in ABOUT_ROWS:
            known = ", ".join(f"`{name}`" for name in ABOUT_ROWS)
            raise ValueError(f"`on_fail: quarantine` is for checks on single rows: {known}; found `{given[0]}`")


DEMANDS = ("rule", "not_null", "unique", "accepted_values", "relationships", "row_count", "freshness", "metric", "test")

ABOUT_ROWS = ("rule", "not_null", "accepted_values", "relationships", "test")
"""Demands whose failures are rows of the table, so that they can be moved into quarantine."""


Country = Annotated[
    str,
    about(
        "whose holidays excuse an even drop: a country such as `DE` or a part of it such as `DE-BY` (with the `holidays`"
        " package), `common` for days that many countries of Europe or the United States have, or `none`"
    ),
    called(
        "a country such as `DE`, a part of it such as `DE-BY`, `common` or `none`",
        pattern=r"^(none|common|[A-Z]{2,3}(-[A-Za-z0-9]{1,8})?)$(?!\n)",
    ),
]
Weekend = Annotated[list[Day], about("the days on which business rests")]


class OwnBudgetPart(Part, frozen=True):
    """How much noise the team can live with from one table, or from a product's tables together."""

    false_alarms_per_month: Annotated[float, Meta(gt=0, description="at one run a day")]


class TablePart(Part, frozen=True):
    """What you know better than inference about one table."""

    time_column: Annotated[str | None, about("the column that says when a row happened")] = None
    grain: Annotated[Literal["hour", "day", "week", "month"] | None, about("the size of a time bucket")] = None
    time_zone: Annotated[ZoneName | None, about("where its days, weeks and months begin; default: the project's")] = (
        None
    )
    holidays: Annotated[Country | None, about("a country, `common` or `none`; default: the project's")] = None
    weekend: Annotated[Weekend | None, about("default: the project's")] = None
    seasonality: Annotated[Switch, about("`false`: weekdays, hours and months are not compared with their like")] = True
    budget: Annotated[OwnBudgetPart | None, about("its own, beside the project's")] = None
    key: Annotated[list[str], about("columns that identify a row, for `diff` and samples")] = []
    mask: Annotated[list[str], about("columns that are masked in samples")] = []
    ignore: Annotated[Switch, about("neither measure nor judge it; declared checks still run")] = False
    source: Annotated[str | None, about("what `reconcile` compares it with, as `FILE::TABLE`")] = None


class ProbePart(Part, frozen=True):
    """A question that `tidegate slo --probe` puts to the product; exactly one of `http` and `sql`."""

    name: Annotated[
        Name | None, about("how results call it; default: `http` or `sql`, with a number when there are several")
    ] = None
    http: Annotated[str | None, about("a URL (`http://` or `https://`) that is asked with GET")] = None
    sql: Annotated[
        str | None, about("a query of the published version, opened as readers open it; it must return a row")
    ] = None
    expect: Annotated[
        Annotated[int, Meta(ge=100, le=599)] | None, about("http: the right status; default: any 2xx")
    ] = None
    contains: Annotated[str | None, about("http: a text that the answer's first megabyte must have")] = None
    timeout: Annotated[Duration, about("after this the probe has failed")] = "10s"
    every: Annotated[Duration, about("how often you run `tidegate slo --probe`; an answer counts twice as long")] = "5m"

    def __post_init__(self) -> None:
        if (self.http is None) == (self.sql is None):
            raise ValueError("a probe has exactly one of `http` and `sql`")
        if self.http is not None and not URL.match(self.http):
            raise ValueError(f"`{self.http}` is not a URL such as https://example.com/health")
        if self.http is None and (self.expect is not None or self.contains is not None):
            raise ValueError("`expect` and `contains` belong to `http`")
        if seconds(self.timeout) <= 0 or seconds(self.every) <= 0:
            raise ValueError("`timeout` and `every` are more than 0")


class SloPart(Part, frozen=True):
    """What the product promises its readers; what is not written is not promised."""

    freshness: Annotated[Duration | None, about("the greatest age of what readers see")] = None
    quality: Annotated[Share | None, about("the share of checks that pass")] = None
    completeness: Annotated[Share | None, about("the share of the expected rows that are there")] = None
    availability: Annotated[Share | None, about("the share of the time in which readers get an answer")] = None
    latency: Annotated[Duration | None, about("the greatest time of an answer")] = None
    objective: Annotated[Share, about("the share of the time in which `freshness` and `latency` are kept")] = "99%"
    quality_of: Annotated[Literal["checks", "rows"], about("what `quality` counts")] = "checks"
    metrics: Annotated[
        dict[str, Share],
        about(
            "names of `metric:` checks in `checks:` (a KPI, a model's error), each with the share of the time in which it passes"
        ),
    ] = {}
    window: Annotated[Duration, about("the rolling stretch of time over which shares are counted")] = "30d"

    def __post_init__(self) -> None:
        if taken := sorted(set(self.metrics) & {"freshness", "completeness", "quality", "availability", "latency"}):
            raise ValueError(
                f"a metric cannot be called `{taken[0]}`, as a promise of another kind is; rename the check"
            )
        shares = {name: getattr(self, name) for name in ("quality", "completeness", "availability", "objective")}
        for name, said in {**shares, **self.metrics}.items():
            if said is not None and not 0 < share(said) <= 1:
                raise ValueError(f"`{name}` is above 0 % and at most 100 %; found `{said}`")
        for name in ("freshness", "latency", "window"):
            said = getattr(self, name)
            if said is not None and seconds(said) <= 0:
                raise ValueError(f"`{name}` is more than 0; found `{said}`")
        if seconds(self.window) < SHORTEST_WINDOW_S:
            raise ValueError(f"`window` is at least 1h; found `{self.window}`")


class ProductPart(Part, frozen=True):
    """A data product: tables that somebody owns and others read."""

    tables: Annotated[
        list[TableName],
        Meta(min_length=1, description="tables, or patterns such as `marts.mart_*`; each must find one"),
    ]
    owner: Annotated[str | None, about("who answers for the data")] = None
    tier: Annotated[int, Meta(ge=1, le=4, description="1 matters most, 4 least; part of the severity of incidents")] = 2
    budget: Annotated[OwnBudgetPart | None, about("shared by its tables that have none of their own")] = None
    slo: Annotated[SloPart, about("what its readers are promised")] = SloPart()
    probes: Annotated[list[ProbePart], about("how `availability` and `latency` are measured")] = []
    runbook: Annotated[str | None, about("a Markdown file, relative to this file")] = None
    consumers: Annotated[list[str], about("who reads it, besides dbt's exposures")] = []


class HoursPart(Part, frozen=True):
    """Hours of the week; an `end` that is not after `start` is on the next day."""

    start: Clock
    end: Clock
    days: Annotated[list[Day], Meta(min_length=1, description="the days on which they begin")] = msgspec.field(
        default_factory=lambda: list(DAYS)
    )
    time_zone: ZoneName = "UTC"
    unless: Unless = None


class MaintenancePart(Part, frozen=True):
    """Hours in which nobody is told: every week with `days`, else once, from one moment to another."""

    start: Annotated[ClockOrMoment, about('`"02:00"` with `days`, else `"2026-06-01 22:00"`')]
    end: ClockOrMoment
    reason: Annotated[str, Meta(min_length=1, description="shown with what waits")]
    days: Annotated[list[Day], about("every week on these days")] = []
    time_zone: ZoneName = "UTC"
    tables: Annotated[list[str], about("only for incidents of these, such as `raw.*`; default: all")] = []
    unless: Unless = None

    def __post_init__(self) -> None:
        lengths = {len(self.start), len(self.end)}
        if lengths != ({len("22:00")} if self.days else {len("2026-06-01 22:00")}):
            wanted = "times of day (`days` is given)" if self.days else "whole moments (no `days` is given)"
            raise ValueError(f"`start` and `end` have to be {wanted}")


class NotifyPart(Part, frozen=True):
    """Whom to tell of which incidents; several entries are independent of each other."""

    to: Target
    min_severity: Annotated[SeverityName, about("told of these and of worse")] = "sev4"
    layers: Annotated[
        list[Literal["technical", "data", "business"]], about("only of causes in these layers; default: all")
    ] = []
    products: Annotated[list[str], about("only of what reaches these products; default: all")] = []
    tables: Annotated[list[str], about("only of these tables, such as `raw.*`; default: all")] = []
    escalate_after: Annotated[Duration | None, about("only when nobody acknowledged it in that time")] = None
    repeat_every: Annotated[Duration | None, about("again, as long as nobody acknowledges it")] = None
    repeat_times: Annotated[int, Meta(ge=1, le=100, description="how often at most")] = 10
    at_most: Annotated[
        int, Meta(ge=1, le=100, description="messages of their own in ten minutes; what is more goes into one digest")
    ] = 10
    business_hours: Annotated[HoursPart | None, about("told only in these hours; what comes outside waits")] = None
    quiet_hours: Annotated[HoursPart | None, about("not told in these hours; what comes waits for their end")] = None
    options: Annotated[dict[str, Scalar], about("the channel's own; secrets as `${NAME}`")] = {}
    test: Annotated[
        Switch, about("only for tests: told of drills (`tidegate drill run --notify`), and of no incident")
    ] = False

    def __post_init__(self) -> None:
        for name in ("escalate_after", "repeat_every"):
            said = getattr(self, name)
            if said is not None and seconds(said) < SHORTEST_S:
                raise ValueError(f"`{name}: {said}` is shorter than a minute")


SHORTEST_S = 60
"""Escalations and reminders that follow each other faster are noise. Chosen, not derived."""


class GatePart(Part, frozen=True):
    """What holds a version besides its own faults."""

    when_budget_spent: Annotated[
        Literal["tell", "hold-risky"],
        about(
            "while the error budget of a product's quality, completeness or metric is spent: publish as always and tell"
            " (`tell`), or hold every version that comes with a finding or a warning (`hold-risky`)"
        ),
    ] = "tell"


class RetentionPart(Part, frozen=True):
    """How many earlier versions stay on disk: whichever of `versions` and `days` keeps more wins."""

    versions: Annotated[int, Meta(ge=1)] = 10
    days: Annotated[int, Meta(ge=0)] = 7
    history_days: Annotated[
        int,
        Meta(
            ge=90,
            description="how long sent messages and answers of probes are kept; those that the window of a service level needs stay",
        ),
    ] = 400


class LinksPart(Part, frozen=True):
    """Addresses that messages end with; what is not written is left out."""

    incident: Annotated[str | None, about("where one incident is shown; `{incident}` stands for its number")] = None
    status_page: Annotated[str | None, about("where `tidegate statuspage` is published")] = None

    def __post_init__(self) -> None:
        for name in ("incident", "status_page"):
            said = getattr(self, name)
            if said is not None and not URL.match(said):
                raise ValueError(f"`{name}: {said}` is not a URL such as https://example.com/status")


class BudgetPart(Part, frozen=True):
    """How much noise the team can live with."""

    false_alarms_per_month: Annotated[
        float, Meta(gt=0, description="of the whole project, at one run a day; shared by its tables")
    ] = 2.0


class SamplesPart(Part, frozen=True):
    """Failing rows that are kept with a result."""

    rows: Annotated[int, Meta(ge=0, le=1000)] = 20
    mask_personal_data: Annotated[Switch, about("mask columns that look like e-mail, phone, name, address")] = True
    mask: Annotated[list[str], about("further columns to mask, in every table")] = []


class PromotionPart(Part, frozen=True):
    """What comes here from another environment, and on which evidence; docs/environments.md."""

    source: Annotated[Name | None, about("the environment that versions and code come from")] = None
    approvals: Annotated[
        dict[Name, list[str]],
        about(
            "the roles that have to approve, each with the people who may; an empty list: anybody. One person, one role"
        ),
    ] = {}
    only_promoted_code: Annotated[
        Switch, about("`tidegate run` refuses a code revision that was not promoted to this environment")
    ] = False


class StepOverridePart(Part, frozen=True):
    """What an environment changes about a step; what it runs stays."""

    timeout: Duration | None = None
    env: Annotated[dict[str, str], about("added to the step's own, variable by variable")] = {}
    args: list[str] | None = None
    python: str | None = None
    executable: str | None = None
    select: str | None = None
    target: str | None = None
    profile: str | None = None
    profiles_dir: str | None = None
    vars: Annotated[dict[str, Any] | None, about("added to the step's own, variable by variable")] = None
    tests: Literal["tidegate", "dbt"] | None = None


class EnvironmentPart(Part, frozen=True):
    """What is different in one environment: mappings are laid over the file's own key by key, lists take their place."""

    # Not checks, contracts, tables and products: what was proven in one environment has to mean the same in the next.
    warehouse: Annotated[
        WarehousePart | None,
        about("with a `path` of its own it has nothing of `adopt` and `link_back` of the file's own"),
    ] = None
    state: Annotated[
        str | None,
        about("`postgresql://` address; needed beside a `warehouse.path` of its own where the file's own is one"),
    ] = None
    steps: Annotated[dict[Name, StepOverridePart] | None, about("by the name of the step")] = None
    learned: Literal["hold", "warn", "off"] | None = None
    strict: Switch | None = None
    quarantine_limit: ShareOfRows | None = None
    budget: BudgetPart | None = None
    notify: list[NotifyPart] | None = None
    maintenance: list[MaintenancePart] | None = None
    gate: GatePart | None = None
    retention: RetentionPart | None = None
    samples: SamplesPart | None = None
    promotion: Annotated[PromotionPart | None, about("what comes here from another environment")] = None


class ProjectPart(Part, frozen=True):
    """`tidegate.yml`; everything below `steps` is optional."""

    version: Annotated[Literal[1], about("the version of this file's format")]
    warehouse: WarehousePart = WarehousePart()
    steps: Annotated[list[StepPart], about("run in this order by `tidegate run`")] = []
    learned: Annotated[
        Literal["hold", "warn", "off"],
        about("what a number outside its learned band does: hold the version, only tell, or nothing"),
    ] = "hold"
    strict: Annotated[
        Switch, about("hold the version also when a check is green that looked at nothing or cannot fail")
    ] = False
    quarantine_limit: Annotated[
        ShareOfRows,
        about("`on_fail: quarantine` moves at most this share of a table's rows; when more fail, the version is held"),
    ] = 0.05
    budget: BudgetPart = BudgetPart()
    time_zone: Annotated[ZoneName, about("where days, weeks and months begin, such as `Europe/Berlin`")] = "UTC"
    holidays: Country = "common"
    weekend: Weekend = msgspec.field(default_factory=lambda: list(WEEKEND))
    checks: list[CheckPart] = []
    contracts: Annotated[
        list[str],
        about("contract files, or patterns such as `contracts/*.odcs.yaml`; default: that and `*.odcs.yaml`"),
    ] = msgspec.field(default_factory=lambda: list(CONTRACTS))
    tables: dict[TableName, TablePart] = {}
    products: dict[str, ProductPart] = {}
    notify: Annotated[list[NotifyPart], about("whom to tell of incidents; docs/notifications.md")] = []
    links: Annotated[LinksPart, about("what messages link to")] = LinksPart()
    maintenance: Annotated[list[MaintenancePart], about("when nobody is told, whatever the target")] = []
    gate: GatePart = GatePart()
    state: Annotated[
        str,
        about(
            "`postgresql://` address of a state store that a team shares; secrets as `${NAME}`; empty: a file;"
            " `${NAME:-}`: the address that NAME holds, a file where it holds none"
        ),
    ] = ""
    retention: RetentionPart = RetentionPart()
    samples: SamplesPart = SamplesPart()
    promotion: Annotated[
        PromotionPart, about("what comes here from another environment; usually below `environments`")
    ] = PromotionPart()
    environments: Annotated[
        dict[Name, EnvironmentPart],
        about("what is different in dev, staging, prod: chosen with `--environment`, else `TIDEGATE_ENVIRONMENT`"),
    ] = {}
