"""Load: from the file on disk to `Settings`, with errors that name line and column."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tidegate.config import environments, notify
from tidegate.config.demands import counted_by
from tidegate.config.environments import Layered
from tidegate.config.schema import (
    CONTRACTS,
    DAYS,
    DEMANDS,
    NAMED,
    NAMED_OR_NONE,
    TABLE,
    CheckPart,
    Day,
    ProbePart,
    ProductPart,
    ProjectPart,
    StepPart,
    TablePart,
    WarehousePart,
    convert,
    is_on,
    seconds,
    share,
    share_of_rows,
    table_name,
)
from tidegate.errors import ConfigError, ConfigSyntaxError, PathNotFoundError, ProjectNotFoundError, UsageError
from tidegate.model import (
    Check,
    DatasetRef,
    Probe,
    Product,
    Promotion,
    Retention,
    Settings,
    Slo,
    StepSettings,
    TableSettings,
    WarehouseSettings,
)

FILE_NAME = "tidegate.yml"
BUILT_IN_KINDS = {"dlt": "dlt", "dbt": "dbt", "run": "command"}
STEP_OPTIONS = (
    "env",
    "args",
    "python",
    "pipelines",
    "executable",
    "command",
    "select",
    "target",
    "profile",
    "profiles_dir",
    "vars",
    "backfill_vars",
    "tests",
)


POSTGRES = frozenset({"postgres", "postgresql"})
STATE_HINT = "write `state: postgresql://user:${SOME_NAME}@host/database`, and set SOME_NAME in the environment"


def find_project(start: Path) -> Path:
    """The nearest folder from `start` upwards that has a `tidegate.yml`.

    Raises:
        PathNotFoundError: `start` does not exist.
        ProjectNotFoundError: no such folder.
    """
    if not start.is_dir():
        raise PathNotFoundError(f"there is no folder `{start}`", hint="correct `--project`")
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise ProjectNotFoundError(f"there is no `{FILE_NAME}` in `{start}` or above it")


def json_schema() -> dict[str, object]:
    """The JSON Schema (2020-12) of `tidegate.yml`."""
    _, definitions = msgspec.json.schema_components([ProjectPart], ref_template="#/$defs/{name}")
    project = definitions.pop(ProjectPart.__name__)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**head, **project, "title": FILE_NAME, "$defs": definitions}


def load(folder: Path, environment: str | None = None) -> Settings:
    """Read and check `tidegate.yml` in a folder. Nothing is created.

    Args:
        environment: a name of `environments:`; an empty one means the file's own settings, None what is chosen
            (see `tidegate.config.environments`).

    Raises:
        ProjectNotFoundError: the file does not exist.
        ConfigSyntaxError: it is not YAML, or no mapping.
        UnknownKeyError, ConfigError: a key or a value that is not allowed, or no such environment.
        PathNotFoundError: a step or `adopt` names a path that does not exist.
    """
    said = laid_out(folder, environment)
    settings = _settings(said.part, said.plain, folder.resolve(), said.where, said.environment)
    return dataclasses.replace(
        settings,
        environment=said.environment,
        environments=tuple(said.part.environments),
        state_folder=folder.resolve() / said.own_folder,
    )


def laid_out(folder: Path, environment: str | None = None) -> Layered:
    """The file as an environment has it; see `load`."""
    path = folder / FILE_NAME
    tree, plain = plain_file(path)
    converted(plain, partial(_place, path.name, tree))
    chosen = environments.chosen()[0] if environment is None else environment
    layered = environments.layered(plain, chosen, partial(_place, path.name, tree))
    return dataclasses.replace(layered, part=converted(layered.plain, layered.where))


def converted(plain: object, where: Callable[..., str]) -> ProjectPart:
    """The content of the file as its parts.

    Raises:
        ConfigError: what is not allowed.
    """
    try:
        return convert(plain, ProjectPart)
    except msgspec.ValidationError:
        from tidegate.config.explain import explain

        raise explain(plain, where) from None


def _place(name: str, tree: object, *loc: str | int) -> str:
    return f"{name}:{position(tree, loc)}"


def _read(path: Path) -> object:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ProjectNotFoundError(f"there is no `{path}`") from None
    except UnicodeDecodeError as error:
        raise ConfigSyntaxError(f"{path.name} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from None
    try:
        tree = YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path.name}:{mark.line + 1}:{mark.column + 1}" if mark else path.name
        lines = text.splitlines()
        line = lines[mark.line].strip() if mark and mark.line < len(lines) else ""
        said = f"{error.problem or error.context or 'not YAML'}{f': `{line}`' if line else ''}"
        raise ConfigSyntaxError(f"{where}: {said}") from None
    if not isinstance(tree, Mapping):
        raise ConfigSyntaxError(f"{path.name}:1:1: a mapping is expected, starting with `version: 1`")
    return tree


def plain_file(path: Path) -> tuple[object, Any]:
    """A YAML file that holds a mapping: its tree, which knows lines, and its content as the built-in types.

    Raises:
        ConfigSyntaxError, ConfigError: it is not YAML, no mapping, or cannot be read.
    """
    tree = _read(path)
    plain = _plain(tree)
    for loc, found in _not_finite(plain):
        where, said = f"{path.name}:{position(tree, loc)}", ".".join(map(str, loc))
        raise ConfigError(
            f"{where}: `{said}`: a finite number is expected (found `{found}`)",
            hint="write a number; a bound that there is not is left out",
        )
    return tree, plain


def _not_finite(plain: object, loc: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], float]]:
    """Where `.inf` and `.nan` stand, which pass demands on the size of a number, or that nothing is within."""
    if isinstance(plain, float) and not math.isfinite(plain):
        yield loc, plain
    inner = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, part in inner:
        yield from _not_finite(part, (*loc, key))


def _plain(tree: object) -> Any:
    """A YAML tree as the built-in types, which is what `convert` takes; keys are texts."""
    from ruamel.yaml.scalarbool import ScalarBoolean

    match tree:
        case Mapping():
            return {str(key): _plain(value) for key, value in tree.items()}
        case str():
            return str(tree)
        case list():
            return [_plain(value) for value in tree]
        case bool() | ScalarBoolean():  # an anchored one is a number to Python
            return bool(tree)
        case int():
            return int(tree)
        case float():
            return float(tree)
        case _:
            return tree


def position(tree: object, loc: Sequence[str | int]) -> str:
    """`line:column` (from 1) of the deepest part of `loc` that the file has."""
    line, column = 0, 0
    here: Any = tree
    for part in loc:
        keys = [part] if isinstance(here, list) else [key for key in here if str(key) == part]
        if not keys:
            break
        marks = here.lc.data or {}  # without the keys that a merge (`<<`) brings
        if keys[0] in marks:
            line, column = marks[keys[0]][:2]
        here = here[keys[0]]
    return f"{line + 1}:{column + 1}"


def dataset_ref(text: str) -> DatasetRef:
    """The dataset that somebody names as `schema.table`.

    Raises:
        UsageError: it is not such a name.
    """
    if not TABLE.search(text):
        raise UsageError(f"`{text}` is not the name of a table", hint="write it as schema.table, such as raw.orders")
    return ref(text)


def ref(text: str) -> DatasetRef:
    """`schema.name` as a reference."""
    namespace, name = table_name(text)
    return DatasetRef(namespace=namespace, name=name)


def _settings(
    part: ProjectPart, plain: Mapping[str, Any], root: Path, where: Callable[..., str], environment: str | None
) -> Settings:
    zone = _zone(part.time_zone, where("time_zone"))
    return Settings(
        root=root,
        warehouse=_warehouse(part.warehouse, root, where("warehouse", "adopt")),
        steps=_steps(part.steps, plain, root, where, environment),
        checks=tuple(
            _told_apart(
                check
                for place, said in enumerate(part.checks)
                for check in _checks(said, where("checks", place).rpartition(":")[0])
            )
        ),
        tables={
            ref(name): _table(name, said, part, zone, partial(where, "tables", name))
            for name, said in part.tables.items()
        },
        zone=zone,
        holidays=part.holidays,
        weekend=_weekdays(part.weekend),
        contract_files=_contract_files(part.contracts, root, where),
        products=tuple(_product(name, said, root, where, _metric_names(part)) for name, said in part.products.items()),
        routes=notify.routes(part.notify, part.products, where),
        maintenance=notify.maintenance(part.maintenance, where),
        state=_state(part.state, where("state")) if part.state else None,
        hold_risky=part.gate.when_budget_spent == "hold-risky",
        retention=Retention(**msgspec.structs.asdict(part.retention)),
        links=notify.links(part.links),
        learned=part.learned,
        strict=is_on(part.strict),
        quarantine_limit=_share_of_rows(part.quarantine_limit, where("quarantine_limit")),
        false_alarms_per_month=part.budget.false_alarms_per_month,
        sample_rows=part.samples.rows,
        masked_columns=tuple(part.samples.mask),
        mask_personal_data=is_on(part.samples.mask_personal_data),
        promotion=_promotion(part, where),
    )


def _promotion(part: ProjectPart, where: Callable[..., str]) -> Promotion:
    """What comes from another environment.

    Raises:
        ConfigError: there is no such environment.
    """
    said = part.promotion
    if said.source is not None and said.source not in part.environments:
        raise environments.unknown(said.source, tuple(part.environments), f"{where('promotion', 'source')}: ")
    return Promotion(
        source=said.source,
        approvals={role: tuple(people) for role, people in said.approvals.items()},
        only_promoted_code=is_on(said.only_promoted_code),
    )


def _state(said: str, where: str) -> str:
    """The address of the state store, which names its password and does not hold it.

    Raises:
        ConfigError: it is no address of PostgreSQL, or a password stands in it.
    """
    if NAMED.fullmatch(said) or NAMED_OR_NONE.fullmatch(said):
        return said
    parts = urlsplit(NAMED.sub("NAMED", said))
    if parts.scheme not in POSTGRES or not (parts.netloc or parts.path):
        raise ConfigError(f"{where}: `state` is no address of a PostgreSQL database", hint=STATE_HINT)
    given = parts.password or dict(parse_qsl(parts.query)).get("password")
    if given and given != "NAMED":
        raise ConfigError(f"{where}: a password stands in `state`", hint=STATE_HINT)
    return said


def _contract_files(said: Sequence[str], root: Path, where: Callable[..., str]) -> tuple[Path, ...]:
    """The files that the patterns find, sorted; one that is named and finds none is refused.

    Raises:
        PathNotFoundError: a pattern of the file finds nothing.
        ConfigError: a pattern leads out of the project.
    """
    found: dict[Path, None] = {}
    for place, pattern in enumerate(said):
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise ConfigError(
                f"{where('contracts', place)}: `{pattern}` leads out of the project", hint="name files in the project"
            )
        files = sorted(path for path in root.glob(pattern) if path.is_file())
        if not files and tuple(said) != CONTRACTS:
            raise PathNotFoundError(
                f"{where('contracts', place)}: there is no contract `{pattern}`", hint="correct the path or pattern"
            )
        found |= dict.fromkeys(files)
    return tuple(found)


def checks_of(said: Mapping[str, object], where: str) -> tuple[Check, ...]:
    """One entry of `checks:` that is written somewhere else, such as in a contract; without a `table` it has that of
    `contract.table`.

    Args:
        where: the place that errors name.

    Raises:
        UnknownKeyError, ConfigError: a key or a value that is not allowed.
    """
    plain = {"version": 1, "checks": [{"table": "contract.table", **said}]}
    try:
        part = convert(plain, ProjectPart)
    except msgspec.ValidationError:
        from tidegate.config.explain import explain

        raise explain(plain, lambda *loc: where) from None
    return tuple(check for one in part.checks for check in _checks(one, where))


def _table(
    name: str, said: TablePart, part: ProjectPart, zone: tzinfo | None, where: Callable[..., str]
) -> TableSettings:
    return TableSettings(
        ref=ref(name),
        time_column=said.time_column,
        grain=said.grain,
        zone=_zone(said.time_zone, where("time_zone")) if said.time_zone else zone,
        holidays=said.holidays or part.holidays,
        weekend=_weekdays(part.weekend if said.weekend is None else said.weekend),
        seasonality=is_on(said.seasonality),
        false_alarms_per_month=said.budget.false_alarms_per_month if said.budget else None,
        key=tuple(said.key),
        mask=tuple(said.mask),
        ignore=is_on(said.ignore),
        source=said.source,
    )


def _share_of_rows(said: float | str, where: str) -> float:
    try:
        return share_of_rows(said)
    except ValueError as error:
        raise ConfigError(f"{where}: `quarantine_limit`: {error}") from error


def _zone(name: str, where: str) -> tzinfo | None:
    """A time zone, None for UTC, which needs no reckoning."""
    return None if name == "UTC" else notify.zone_of(name, where)


def _weekdays(days: Sequence[Day]) -> frozenset[int]:
    """Days of the week as Python counts them: Monday is 0."""
    return frozenset(DAYS.index(day) for day in days)


def _metric_names(part: ProjectPart) -> tuple[str, ...]:
    """How the `metric:` checks of the file are called."""
    return tuple(check.name for said in part.checks if said.metric is not None for check in _checks(said, FILE_NAME))


def _product(name: str, said: ProductPart, root: Path, where: Callable[..., str], metrics: Sequence[str]) -> Product:
    if said.runbook is not None and not (root / said.runbook).is_file():
        raise PathNotFoundError(
            f"{where('products', name, 'runbook')}: there is no runbook `{said.runbook}`",
            hint="write the file, or correct the path; it is relative to `tidegate.yml`",
        )
    return Product(
        name=name,
        tables=tuple(ref(t) for t in said.tables),
        owner=said.owner,
        tier=said.tier,
        false_alarms_per_month=said.budget.false_alarms_per_month if said.budget else None,
        runbook=said.runbook,
        consumers=tuple(said.consumers),
        slo=_slo(said, partial(where, "products", name), metrics),
        probes=_probes(name, said.probes, partial(where, "products", name, "probes")),
    )


def _slo(product: ProductPart, where: Callable[..., str], metrics: Sequence[str]) -> Slo:
    """The promises of a product; what nobody would ever measure is refused.

    Raises:
        ConfigError: a metric that no check is called, or availability or latency without a probe.
    """
    said = product.slo
    for name in said.metrics:
        if name not in metrics:
            known = ", ".join(f"`{n}`" for n in metrics) or "none"
            raise ConfigError(
                f"{where('slo', 'metrics', name)}: no `metric:` check is called `{name}`",
                hint=f"give the check in `checks:` that `name:`; those there are: {known}",
            )
    for name in ("availability", "latency"):
        if getattr(said, name) is not None and not product.probes:
            raise ConfigError(
                f"{where('slo', name)}: `{name}` is promised, and no probe measures it",
                hint="write `probes:` beside `slo:`, such as `- {sql: select 1}` or `- {http: https://...}`",
            )

    def lasting(text: str | None) -> timedelta | None:
        return None if text is None else timedelta(seconds=seconds(text))

    def part(text: str | None) -> float | None:
        return None if text is None else share(text)

    return Slo(
        freshness=lasting(said.freshness),
        quality=part(said.quality),
        completeness=part(said.completeness),
        availability=part(said.availability),
        latency=lasting(said.latency),
        objective=share(said.objective),
        of_rows=said.quality_of == "rows",
        metrics=tuple((name, share(text)) for name, text in said.metrics.items()),
        window=timedelta(seconds=seconds(said.window)),
    )


def _probes(product: str, said: Sequence[ProbePart], where: Callable[..., str]) -> tuple[Probe, ...]:
    probes = list[Probe]()
    for place, part in enumerate(said):
        kind = "http" if part.http is not None else "sql"
        others = [p.name for p in probes]
        name = part.name or next(
            n for n in (kind, *(f"{kind}-{at}" for at in range(2, len(said) + 2))) if n not in others
        )
        if name in others:
            raise ConfigError(
                f"{where(place, 'name')}: two probes of `{product}` are called `{name}`", hint="give each its own name"
            )
        probes.append(
            Probe(
                product=product,
                name=name,
                every=timedelta(seconds=seconds(part.every)),
                timeout=timedelta(seconds=seconds(part.timeout)),
                http=part.http,
                sql=part.sql,
                expect=part.expect,
                contains=part.contains,
            )
        )
    return tuple(probes)


def _warehouse(said: WarehousePart, root: Path, where: str) -> WarehouseSettings:
    adopt = root / said.adopt if said.adopt else None
    if adopt is not None and not (adopt.is_file() or adopt.is_symlink()):  # ours leads nowhere when a version is lost
        raise PathNotFoundError(
            f"{where}: there is no database `{said.adopt}` to adopt", hint="correct the path, or remove `adopt:`"
        )
    database = said.database or (adopt.name if adopt else f"{root.name or 'warehouse'}.duckdb")
    if Path(database).name != database:
        raise ConfigError(f"`warehouse.database` is a file name, not a path: `{database}`")
    return WarehouseSettings(
        type=said.type, path=root / said.path, database=database, adopt=adopt, link_back=is_on(said.link_back)
    )


def _steps(
    said: Sequence[StepPart],
    plain: Mapping[str, Any],
    root: Path,
    where: Callable[..., str],
    environment: str | None,
) -> tuple[StepSettings, ...]:
    """The steps; the built-in kinds are told the environment in a variable, as the command line is."""
    known, steps = set(StepPart.__struct_fields__), list[StepSettings]()
    for place, part in enumerate(said):
        others = {key: value for key, value in plain["steps"][place].items() if key not in known}
        step = _step(part, others, root, partial(where, "steps", place))
        steps.append(_told(step, environment) if environment and step.kind in BUILT_IN_KINDS.values() else step)
        if part.name in [step.name for step in steps[:-1]]:
            twice = f"{where('steps', place, 'name')}: two steps are called `{part.name}`"
            raise ConfigError(twice, hint="give each its own name")
    return tuple(steps)


def _told(step: StepSettings, environment: str) -> StepSettings:
    env = {environments.VARIABLE: environment, **cast(Mapping[str, str], step.options.get("env") or {})}
    return dataclasses.replace(step, options={**step.options, "env": env})


def _step(said: StepPart, others: Mapping[str, object], root: Path, where: Callable[..., str]) -> StepSettings:
    """One step; `others` are its keys that `StepPart` does not know: a plug-in's kind and options."""
    given = {k: v for k in BUILT_IN_KINDS if (v := getattr(said, k)) is not None}
    if not given:
        given = {k: v for k, v in others.items() if isinstance(v, str)}
    if len(given) != 1:
        found = ", ".join(f"`{k}`" for k in given) or "none"
        raise ConfigError(
            f"{where()}: step `{said.name}` needs exactly one of `dlt`, `dbt`, `run` or a plug-in's kind; found {found}"
        )
    ((key, target),) = given.items()
    kind = BUILT_IN_KINDS.get(key, key)
    if kind in {"dlt", "dbt"} and not (root / target).exists():
        raise PathNotFoundError(f"{where()}: step `{said.name}` names `{target}`, which does not exist")
    unknown = sorted(k for k in others if k != key)
    if unknown and key in BUILT_IN_KINDS:
        from tidegate.config.explain import unknown_key

        raise unknown_key(where(unknown[0]), unknown[0], StepPart.__struct_fields__)
    options = {k: v for k in STEP_OPTIONS if (v := getattr(said, k)) not in (None, {}, [])}
    options |= {k: others[k] for k in unknown}
    return StepSettings(
        name=said.name, kind=kind, target=target, timeout=timedelta(seconds=seconds(said.timeout)), options=options
    )


def _checks(said: CheckPart, where: str) -> list[Check]:
    """One entry may stand for several checks: `not_null` and `unique` take a list of columns."""
    kind = next(name for name in DEMANDS if getattr(said, name) is not None)
    demand = getattr(said, kind)
    if kind in {"not_null", "unique"}:
        columns = [demand] if isinstance(demand, str) else demand
        return [_check(said, kind, where, column=c) for c in columns]
    if kind == "rule":
        return [_check(said, kind, where, arguments={"expression": demand})]
    if kind == "metric":
        return [_check(said, kind, where, arguments={"sql": demand, "min": said.min, "max": said.max})]
    if kind == "test":
        return [_check(said, demand, where, column=said.column, arguments=said.arguments)]
    arguments = msgspec.structs.asdict(demand)
    column = arguments.pop("column", None)
    if kind == "freshness":
        arguments = {"max_age_s": seconds(arguments["max_age"])}
    if kind == "accepted_values":
        arguments["quote"] = is_on(demand.quote)
    if kind == "relationships":
        arguments["to"] = list(table_name(arguments["to"]))
    return [_check(said, kind, where, column=column, arguments=arguments)]


def _told_apart(checks: Iterable[Check]) -> Iterator[Check]:
    """Two checks of one id would be one to the ledger: the later ones are numbered, in the order of the file."""
    seen: Counter[str] = Counter()
    for check in checks:
        seen[check.id] += 1
        number = seen[check.id]
        yield check if number == 1 else dataclasses.replace(check, id=f"{check.id} ({number})")


def _check(
    said: CheckPart, kind: str, where: str, *, column: str | None = None, arguments: Mapping[str, object] | None = None
) -> Check:
    dataset = ref(said.table) if said.table else DatasetRef(namespace="project", name="metric")
    demand = column
    if kind in {"rule", "metric"} and arguments:
        demand = " ".join(str(arguments["expression" if kind == "rule" else "sql"]).split())
    elif said.test and column is None:
        demand = ", ".join(f"{key}: {value}" for key, value in (arguments or {}).items())
    name = said.name or (f"{kind} {demand}" if demand else kind)
    return Check(
        id=f"{dataset}/{name}" + (f" where {said.where}" if said.where and not said.name else ""),
        name=name,
        dataset=dataset,
        kind=kind,
        column=column,
        arguments=dict(arguments or {}),
        where=said.where,
        severity=said.severity,
        warn_if=said.warn_if,
        error_if=said.error_if,
        fail_calc=counted_by(kind) if said.test else "count(*)",
        blocking=said.on_fail != "warn",
        quarantine=said.on_fail == "quarantine",
        source=FILE_NAME,
        declared_in=where,
        tags=tuple(said.tags),
    )
