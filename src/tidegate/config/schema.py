"""The shape of `tidegate.yml`: the only place that knows its keys; the JSON Schema and the reference come from it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(s|m|h|d|w)\s*$")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(text: str) -> float:
    """Turn `90s`, `30m`, `24h`, `7d`, `2w` into seconds.

    Raises:
        ValueError: not such a duration.
    """
    found = DURATION.match(text)
    if not found:
        raise ValueError(f"`{text}` is not a duration such as 90s, 30m, 24h or 7d")
    return float(found[1]) * UNITS[found[2]]


def _duration(text: str) -> str:
    seconds(text)
    return text


def _table(text: str) -> str:
    schema, _, name = text.partition(".")
    if not schema or not name:
        raise ValueError(f"`{text}` is not a table name such as `raw.orders` (schema, dot, name)")
    return text


Duration = Annotated[str, AfterValidator(_duration), Field(pattern=r"^\s*\d+(\.\d+)?\s*[smhdw]\s*$")]
TableName = Annotated[str, AfterValidator(_table), Field(description="schema and name, such as `raw.orders`")]


class Part(BaseModel):
    """A piece of the file; a key that is not listed is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WarehousePart(Part):
    """Where the versions of the warehouse are."""

    type: str = Field("duckdb", description="a registered warehouse adapter; `duckdb` is built in")
    path: str = Field("warehouse", description="the folder of versions, relative to this file")
    database: str | None = Field(
        None,
        description="file name of the database, as the dbt profile has it; default: the adopted file's, else `<folder>.duckdb`",
    )
    adopt: str | None = Field(None, description="an existing database whose copy becomes version 1 at the first run")
    link_back: bool = Field(False, description="replace the adopted database by a link to the live one")


class StepPart(BaseModel):
    """One step. Besides the keys below it has exactly one key that names its kind: `dlt`, `dbt`, `run`, or a plug-in's."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$", description="unique; letters, digits, `_`, `-`, `.`")
    timeout: Duration = Field("2h", description="a step that runs longer is stopped with all its children")
    env: dict[str, str] = Field(default_factory=dict, description="environment variables for this step")
    args: list[str] = Field(default_factory=list, description="arguments added to the command")
    dlt: str | None = Field(None, description="a dlt script, relative to this file")
    dbt: str | None = Field(None, description="a folder with a dbt_project.yml, relative to this file")
    run: str | None = Field(None, description="any command; `TIDEGATE_DATABASE` names the candidate's database")
    python: str | None = Field(None, description="dlt: the Python that has dlt installed")
    executable: str | None = Field(None, description="dbt: the dbt program")
    command: str | None = Field(None, description="dbt: build (default), run, test, seed or snapshot")
    select: str | None = Field(None, description="dbt: node selection")
    target: str | None = Field(None, description="dbt: target of the profile")
    profile: str | None = Field(None, description="dbt: profile, if not the one in dbt_project.yml")
    profiles_dir: str | None = Field(None, description="dbt: folder of profiles.yml, if not found by dbt's own rules")
    vars: dict[str, object] | None = Field(None, description="dbt: variables")


class BoundsPart(Part):
    """A lower and an upper bound, both included; at least one."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _some(self) -> BoundsPart:
        if self.min is None and self.max is None:
            raise ValueError("give `min`, `max` or both")
        return self


class AcceptedValuesPart(Part):
    """A column and the values that it may have."""

    column: str
    values: list[str | int | float | bool]
    quote: bool = True


class RelationshipsPart(Part):
    """A column whose values exist in another table's column."""

    column: str
    to: TableName
    field: str


class FreshnessPart(Part):
    """A time column whose newest value is not older than an age."""

    column: str
    max_age: Duration


class CheckPart(Part):
    """One check: exactly one of the keys from `rule` to `metric` says what is demanded."""

    table: TableName | None = Field(None, description="the table; may be left out for `metric`")
    name: str | None = Field(None, description="how results call it; default: made from the demand")
    rule: str | None = Field(None, description="a SQL predicate that must not be false for any row")
    not_null: str | list[str] | None = None
    unique: str | list[str] | None = None
    accepted_values: AcceptedValuesPart | None = None
    relationships: RelationshipsPart | None = None
    row_count: BoundsPart | None = None
    freshness: FreshnessPart | None = None
    metric: str | None = Field(None, description="a SQL query that gives one number; `min` and `max` bound it")
    min: float | None = Field(None, description="metric: lowest allowed value")
    max: float | None = Field(None, description="metric: highest allowed value")
    where: str | None = Field(None, description="a SQL predicate; only rows for which it is true are looked at")
    severity: Literal["error", "warn"] = "error"
    warn_if: str = Field("!= 0", description="dbt's: when the number of failures warns")
    error_if: str = Field("!= 0", description="dbt's: when the number of failures fails")
    on_fail: Literal["hold", "warn"] = Field("hold", description="hold the version, or publish it and tell")

    @model_validator(mode="after")
    def _one_demand(self) -> CheckPart:
        given = [name for name in DEMANDS if getattr(self, name) is not None]
        if len(given) != 1:
            found = ", ".join(f"`{g}`" for g in given) or "none"
            raise ValueError(f"exactly one of {', '.join(DEMANDS)} is needed; found {found}")
        if self.table is None and given[0] != "metric":
            raise ValueError(f"`{given[0]}` needs a `table`")
        if given[0] == "metric" and self.min is None and self.max is None:
            raise ValueError("`metric` needs `min`, `max` or both")
        if given[0] != "metric" and (self.min is not None or self.max is not None):
            raise ValueError("`min` and `max` belong to `metric`; a row count has them inside `row_count`")
        return self


DEMANDS = ("rule", "not_null", "unique", "accepted_values", "relationships", "row_count", "freshness", "metric")


class TablePart(Part):
    """What you know better than inference about one table."""

    time_column: str | None = Field(None, description="the column that says when a row happened")
    grain: Literal["hour", "day", "week", "month"] | None = Field(None, description="the size of a time bucket")
    key: list[str] = Field(default_factory=list, description="columns that identify a row, for `diff` and samples")
    mask: list[str] = Field(default_factory=list, description="columns that are masked in samples")
    ignore: bool = Field(False, description="neither measure nor judge it; declared checks still run")


class ProductPart(Part):
    """A data product: tables that somebody owns and others read."""

    tables: list[TableName] = Field(min_length=1)
    owner: str | None = None
    tier: Annotated[int, Field(ge=1, le=3, description="1 matters most")] = 2
    runbook: str | None = Field(None, description="a Markdown file, relative to this file")
    consumers: list[str] = Field(default_factory=list)


class RetentionPart(Part):
    """How many earlier versions stay on disk; whichever of the two keeps more wins."""

    versions: Annotated[int, Field(ge=1)] = 10
    days: Annotated[int, Field(ge=0)] = 7


class BudgetPart(Part):
    """How much noise the team can live with."""

    false_alarms_per_month: Annotated[float, Field(gt=0)] = 2.0


class SamplesPart(Part):
    """Failing rows that are kept with a result."""

    rows: Annotated[int, Field(ge=0, le=1000)] = 20
    mask_personal_data: bool = Field(True, description="mask columns that look like e-mail, phone, name, address")
    mask: list[str] = Field(default_factory=list, description="further columns to mask, in every table")


class ProjectPart(Part):
    """`tidegate.yml`; everything below `steps` is optional."""

    version: Literal[1] = Field(description="the version of this file's format")
    warehouse: WarehousePart = WarehousePart()
    steps: list[StepPart] = Field(default_factory=list, description="run in this order by `tidegate run`")
    learned: Literal["hold", "warn", "off"] = Field(
        "hold", description="what a number outside its learned band does: hold the version, only tell, or nothing"
    )
    budget: BudgetPart = BudgetPart()
    checks: list[CheckPart] = Field(default_factory=list)
    tables: dict[TableName, TablePart] = Field(default_factory=dict)
    products: dict[str, ProductPart] = Field(default_factory=dict)
    retention: RetentionPart = RetentionPart()
    samples: SamplesPart = SamplesPart()
