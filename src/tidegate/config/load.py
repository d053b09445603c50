"""Load: from the file on disk to `Settings`, with errors that name line and column."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from tidegate.config.schema import DEMANDS, CheckPart, ProjectPart, StepPart, seconds
from tidegate.errors import (
    ConfigError,
    ConfigSyntaxError,
    PathNotFoundError,
    ProjectNotFoundError,
    UnknownKeyError,
)
from tidegate.model import (
    Check,
    DatasetRef,
    Product,
    Retention,
    Settings,
    StepSettings,
    TableSettings,
    WarehouseSettings,
)

FILE_NAME = "tidegate.yml"
BUILT_IN_KINDS = {"dlt": "dlt", "dbt": "dbt", "run": "command"}
STEP_OPTIONS = ("env", "args", "python", "executable", "command", "select", "target", "profile", "profiles_dir", "vars")
PLANNED = {
    "notify": "notifications",
    "slo": "service level objectives",
    "quarantine": "quarantine",
}
"""Keys that later releases will read; until then they are refused, because a key that does nothing is a trap."""


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
    schema = ProjectPart.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": FILE_NAME}


def load(folder: Path) -> Settings:
    """Read and check `tidegate.yml` in a folder. Nothing is created.

    Raises:
        ProjectNotFoundError: the file does not exist.
        ConfigSyntaxError: it is not YAML, or no mapping.
        UnknownKeyError, ConfigError: a key or a value that is not allowed.
        PathNotFoundError: a step or `adopt` names a path that does not exist.
    """
    path = folder / FILE_NAME
    tree = _read(path)
    part = _validate(tree, path)
    return _settings(part, folder.resolve(), path, tree)


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
        raise ConfigSyntaxError(f"{where}: {error.problem or error.context or 'not YAML'}") from None
    if not isinstance(tree, Mapping):
        raise ConfigSyntaxError(f"{path.name}:1:1: a mapping is expected, starting with `version: 1`")
    return tree


def _validate(tree: object, path: Path) -> ProjectPart:
    from pydantic import ValidationError

    try:
        return ProjectPart.model_validate(_plain(tree))
    except ValidationError as error:
        raise _explain(error.errors(include_url=False), tree, path) from None


def _plain(tree: object) -> object:
    if isinstance(tree, Mapping):
        return {str(k) if not isinstance(k, str) else k: _plain(v) for k, v in tree.items()}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [_plain(v) for v in tree]
    return str(tree) if isinstance(tree, str) else tree


def _explain(problems: Sequence[Mapping[str, object]], tree: object, path: Path) -> ConfigError:
    """The first problem as an error: an unknown key before a wrong value, because it is the usual cause."""
    first = min(problems, key=lambda p: p["type"] != "extra_forbidden")
    loc = tuple(p for p in first["loc"] if isinstance(p, (str, int)))  # type: ignore[attr-defined]  # pydantic types loc as object here
    where = f"{path.name}:{position(tree, loc)}"
    dotted = ".".join(str(p) for p in loc)
    if first["type"] == "extra_forbidden":
        return _unknown(where, str(loc[-1]), loc)
    if first["type"] == "missing":
        return ConfigError(f"{where}: `{dotted}` is missing", hint=f"add `{loc[-1]}:`")
    message = str(first["msg"]).removeprefix("Value error, ")
    shown = first.get("input")
    value = f" (found `{shown}`)" if isinstance(shown, (str, int, float, bool)) else ""
    return ConfigError(f"{where}: `{dotted}`: {message}{value}")


def _unknown(where: str, key: str, loc: Sequence[str | int]) -> UnknownKeyError:
    known = _known_keys(loc[:-1])
    if key in PLANNED:
        hint = f"{PLANNED[key]} come with a later release; remove the key until then"
    else:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
    return UnknownKeyError(f"{where}: unknown key `{key}`", hint=hint)


def _known_keys(loc: Sequence[str | int]) -> list[str]:
    """The keys that are allowed at a place, read from the JSON Schema."""
    schema = json_schema()
    definitions = schema["$defs"]
    here: object = schema
    for part in loc:
        here = _resolve(here, definitions)
        if not isinstance(here, Mapping):
            return []
        if isinstance(part, int):
            here = here.get("items")
        else:
            here = (here.get("properties") or {}).get(part, here.get("additionalProperties"))
    here = _resolve(here, definitions)
    return sorted(here.get("properties", {})) if isinstance(here, Mapping) else []


def _resolve(here: object, definitions: object) -> object:
    if isinstance(here, Mapping) and "anyOf" in here:
        here = next((option for option in here["anyOf"] if "$ref" in option), here)
    if isinstance(here, Mapping) and "$ref" in here and isinstance(definitions, Mapping):
        return definitions[str(here["$ref"]).rsplit("/", 1)[-1]]
    return here


def position(tree: object, loc: Sequence[str | int]) -> str:
    """`line:column` (from 1) of the deepest part of `loc` that the file has."""
    line, column = 0, 0
    here = tree
    for part in loc:
        marks = getattr(here, "lc", None)
        try:
            if isinstance(here, Mapping) and marks is not None and part in here:
                line, column = marks.key(part)
            elif isinstance(here, Sequence) and marks is not None and isinstance(part, int):
                line, column = marks.item(part)
            here = here[part]  # type: ignore[index]  # a YAML tree is a mapping or a list here
        except (KeyError, IndexError, TypeError):
            break
    return f"{line + 1}:{column + 1}"


def ref(text: str) -> DatasetRef:
    """`schema.name` as a reference."""
    namespace, _, name = text.partition(".")
    return DatasetRef(namespace=namespace, name=name)


def _settings(part: ProjectPart, root: Path, path: Path, tree: object) -> Settings:
    steps = [_step(s, root, f"{path.name}:{position(tree, ('steps', i))}") for i, s in enumerate(part.steps)]
    names = [s.name for s in steps]
    for place, name in enumerate(names):
        if name in names[:place]:
            where = position(tree, ("steps", place, "name"))
            raise ConfigError(f"{path.name}:{where}: two steps are called `{name}`", hint="give each its own name")
    checks = [
        check
        for i, c in enumerate(part.checks)
        for check in _checks(c, f"{path.name}:{position(tree, ('checks', i)).split(':')[0]}")
    ]
    return Settings(
        root=root,
        warehouse=_warehouse(part, root, f"{path.name}:{position(tree, ('warehouse', 'adopt'))}"),
        steps=tuple(steps),
        checks=tuple(checks),
        tables={ref(name): _table(name, said.model_dump()) for name, said in part.tables.items()},
        products=tuple(
            Product(
                name=name,
                tables=tuple(ref(t) for t in said.tables),
                owner=said.owner,
                tier=said.tier,
                runbook=said.runbook,
                consumers=tuple(said.consumers),
            )
            for name, said in part.products.items()
        ),
        retention=Retention(versions=part.retention.versions, days=part.retention.days),
        learned=part.learned,
        false_alarms_per_month=part.budget.false_alarms_per_month,
        sample_rows=part.samples.rows,
        masked_columns=tuple(part.samples.mask),
        mask_personal_data=part.samples.mask_personal_data,
    )


def _table(name: str, said: Mapping[str, object]) -> TableSettings:
    return TableSettings(
        ref=ref(name),
        time_column=said["time_column"],  # type: ignore[arg-type]  # validated by TablePart
        grain=said["grain"],  # type: ignore[arg-type]  # validated by TablePart
        key=tuple(said["key"]),  # type: ignore[arg-type]  # validated by TablePart
        mask=tuple(said["mask"]),  # type: ignore[arg-type]  # validated by TablePart
        ignore=bool(said["ignore"]),
    )


def _warehouse(part: ProjectPart, root: Path, where: str) -> WarehouseSettings:
    said = part.warehouse
    adopt = root / said.adopt if said.adopt else None
    if adopt is not None and not adopt.is_file():
        raise PathNotFoundError(
            f"{where}: there is no database `{said.adopt}` to adopt", hint="correct the path, or remove `adopt:`"
        )
    database = said.database or (adopt.name if adopt else f"{root.name or 'warehouse'}.duckdb")
    if Path(database).name != database:
        raise ConfigError(f"`warehouse.database` is a file name, not a path: `{database}`")
    return WarehouseSettings(
        type=said.type, path=root / said.path, database=database, adopt=adopt, link_back=said.link_back
    )


def _step(said: StepPart, root: Path, where: str) -> StepSettings:
    given = {k: v for k in BUILT_IN_KINDS if (v := getattr(said, k)) is not None}
    if not given:
        given = {k: v for k, v in (said.model_extra or {}).items() if isinstance(v, str)}
    if len(given) != 1:
        found = ", ".join(f"`{k}`" for k in given) or "none"
        raise ConfigError(
            f"{where}: step `{said.name}` needs exactly one of `dlt`, `dbt`, `run` or a plug-in's kind; found {found}"
        )
    ((key, target),) = given.items()
    kind = BUILT_IN_KINDS.get(key, key)
    if kind in {"dlt", "dbt"} and not (root / target).exists():
        raise PathNotFoundError(f"{where}: step `{said.name}` names `{target}`, which does not exist")
    unknown = sorted(k for k in (said.model_extra or {}) if k != key)
    if unknown and kind in BUILT_IN_KINDS.values():
        near = difflib.get_close_matches(unknown[0], StepPart.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(StepPart.model_fields)}"
        raise UnknownKeyError(f"{where}: unknown key `{unknown[0]}` in step `{said.name}`", hint=hint)
    options = {k: v for k in STEP_OPTIONS if (v := getattr(said, k)) not in (None, {}, [])}
    options |= {k: (said.model_extra or {})[k] for k in unknown}
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
    arguments = demand.model_dump()
    column = arguments.pop("column", None)
    if kind == "freshness":
        arguments = {"max_age_s": seconds(arguments["max_age"])}
    if kind == "relationships":
        arguments["to"] = ref(arguments["to"])
    return [_check(said, kind, where, column=column, arguments=arguments)]


def _check(
    said: CheckPart, kind: str, where: str, *, column: str | None = None, arguments: Mapping[str, object] | None = None
) -> Check:
    dataset = ref(said.table) if said.table else DatasetRef(namespace="project", name="metric")
    demand = arguments.get("expression") if arguments and kind == "rule" else column
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
        blocking=said.on_fail == "hold",
        source=FILE_NAME,
        declared_in=where,
    )
