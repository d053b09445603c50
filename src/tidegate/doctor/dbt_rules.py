"""Rules about a dbt project's files: what is described and not there, bypassed, hard-coded, not pinned, never run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from tidegate.doctor import sql
from tidegate.doctor.automation import words_of
from tidegate.doctor.dbt_project import DbtProject, Node, Package
from tidegate.doctor.facts import Project
from tidegate.doctor.loading import UNREAD
from tidegate.doctor.relations import Catalog
from tidegate.doctor.rule import Found
from tidegate.doctor.words import entries, first_line, is_jinja, joined, line_of, mapping, texts, under

SYSTEM = frozenset(
    "information_schema pg_catalog sys system system_catalog account_usage snowflake duckdb dbt_internal".split()
)
FRESHNESS = re.compile(
    r"source[\"',\s]+(?:snapshot-)?freshness|\btidegate\s+(?:run|check|observe)\b|source_status:fresher"
)
RUNS_DBT = re.compile(r"\bdbt[\"',\s]+(?:[\w=./-]+[\"',\s]+)*?(?:run|build|test)\b|dbtRunner|tidegate\s+run\b")
BUILT = ("models", "seeds", "snapshots", "sources")
MOVING = frozenset("main master head develop dev trunk latest".split())
PRODUCTION = re.compile(r"(?:^|[_-])(?:prod|production|prd|live)(?:$|[_-])", re.IGNORECASE)
SELECTION = re.compile(r"(?:--select|--models|--model|\s-s)[ =]+((?:[^\s\-;&|][^\s;&|]*\s*)+)")


def nearest(name: str, known: object) -> str:
    """A hint with the nearest known name; empty where none is near."""
    near = difflib.get_close_matches(
        name, [str(k) for k in known] if isinstance(known, list | tuple | set | dict) else [], n=1
    )
    return f"; did you mean `{near[0]}`?" if near else ""


def unknown_nodes(project: Project) -> Iterator[Found]:
    """YAML for models, seeds and snapshots that do not exist."""
    for dbt in project.dbt:
        for d in dbt.described:
            if d.kind not in {"model", "seed", "snapshot"} or is_jinja(d.name):
                continue
            if _exists(dbt, d.kind, d.name, [str(v.get("v")) for v in entries(d.content.get("versions"))]):
                continue
            names = {n.name for n in dbt.of(d.kind)}
            lost = sum(t.owner is d for t in dbt.tests)
            tests = f", so its {lost} test{'' if lost == 1 else 's'} never run" if lost else ""
            yield Found(
                path=d.path, line=d.line, message=f"there is no {d.kind} `{d.name}`{tests}{nearest(d.name, names)}"
            )


def _exists(dbt: DbtProject, kind: str, name: str, versions: list[str]) -> bool:
    names = {n.name for n in dbt.of(kind)}
    if name in names or (name.lower() in {n.lower() for n in names} and kind == "seed"):
        return True
    return any(f"{name}_v{v}" in names or f"{name}.v{v}" in names for v in versions) or (
        bool(versions) and any(n.startswith(f"{name}_v") for n in names)
    )


def unknown_columns(project: Project) -> Iterator[Found]:
    """Columns that the YAML describes and the model does not return, where its SQL tells all that it returns."""
    for dbt in project.dbt:
        catalog = Catalog(dbt)
        for d in dbt.described:
            node = dbt.refable.get(d.name)
            if node is None or d.kind != node.kind or node.kind == "snapshot" or d.content.get("versions"):
                continue
            found = catalog.of(node)
            for name, line, _ in d.columns if found.whole else ():
                plain = name.strip('"`[]').lower()
                if plain not in found.types and not is_jinja(name):
                    near = nearest(plain, list(found.types))
                    yield Found(path=d.path, line=line, message=f"`{d.name}` returns no column `{name}`{near}")


def tests_on_nothing(project: Project) -> Iterator[Found]:
    """Tests that name a model or source that does not exist: dbt leaves them out."""
    for dbt in project.dbt:
        known, tables = set(dbt.refable), set(dbt.sources)
        stems = {re.sub(r"_v\d+$", "", n) for n in known}
        if dbt.brings_models:
            continue
        for t in dbt.tests:
            for said in (str(v) for v in t.arguments.values() if isinstance(v, str)):
                for m in re.finditer(r"""\bref\(\s*['"]([^'"]+)['"]\s*(?:,\s*v(?:ersion)?\s*=[^)]*)?\)""", said):
                    if m[1] not in known | stems:
                        message = (
                            f"test `{t.name}` names the model `{m[1]}`, which does not exist{nearest(m[1], known)}"
                        )
                        yield Found(path=t.path, line=t.line, message=message)
                for m in re.finditer(r"""\bsource\(\s*['"]([^'"]+)['"]\s*,\s*['"]([^'"]+)['"]\s*\)""", said):
                    if (m[1], m[2]) not in tables:
                        near = nearest(m[2], [name for _, name in tables])
                        message = f"test `{t.name}` names the source `{m[1]}.{m[2]}`, which is not declared{near}"
                        yield Found(path=t.path, line=t.line, message=message)


def unknown_sources(project: Project) -> Iterator[Found]:
    """Tables of a source that the project's own dlt code does not load, where that code tells all that it loads."""
    loading = project.loading
    datasets = {p.dataset for p in loading.pipelines}
    if not loading.pipelines or None in datasets or loading.unreadable or any(x.plain for x in loading.loads):
        return
    known = {r.name.lower() for r in loading.resources}
    if not known or UNREAD in known or any("table_name" in f.text for f in project.python if f.uses_dlt):
        return
    for dbt in project.dbt:
        for (source, name), d in dbt.sources.items():
            schema = str(d.group.get("schema") or source)
            table = str(d.content.get("identifier") or name).lower()
            plain = table.startswith("_dlt_") or any(table.startswith(f"{k}__") for k in known)
            if schema in datasets and table not in known and not plain:
                message = (
                    f"dlt loads no table `{schema}.{table}`; it loads {', '.join(f'`{k}`' for k in sorted(known))}"
                )
                yield Found(path=d.path, line=d.line, message=message + nearest(table, known))


def hard_coded_relations(project: Project) -> Iterator[Found]:
    """Relations that SQL names without `ref` or `source`."""
    for dbt in project.dbt:
        catalog = Catalog(dbt)
        models = {n.lower(): n for n in dbt.refable}
        tables = {str(d.content.get("identifier") or name).lower(): (s, name) for (s, name), d in dbt.sources.items()}
        for node in dbt.of("model", "snapshot", "test"):
            if not node.path.endswith(".sql") or not node.is_enabled:
                continue
            for relation in sql.relations(catalog.sql(node)):
                parts = relation.parts
                written = ".".join(parts)
                if parts[-1] in models and (len(parts) > 1 or parts[-1] != node.name.lower()):
                    fix = f"{{{{ ref('{models[parts[-1]]}') }}}}"
                elif len(parts) > 1 and parts[-1] in tables:
                    fix = "{{{{ source('{}', '{}') }}}}".format(*tables[parts[-1]])
                elif (
                    len(parts) in {2, 3}
                    and not set(parts) & SYSTEM
                    and not parts[-1].endswith(("csv", "parquet", "json"))
                ):
                    fix = "declare it as a source and read it by `source(...)`"
                else:
                    continue
                yield Found(
                    path=node.path,
                    line=relation.line,
                    message=f"`{written}` is written out, so dbt does not know that `{node.name}` depends on it",
                    fix=f"write {fix}" if fix.startswith("{{") else fix,
                )


def hard_coded_databases(project: Project) -> Iterator[Found]:
    """Databases by their literal name: in SQL, in `config(database=...)`, in dbt_project.yml, in sources."""
    for dbt in project.dbt:
        catalog = Catalog(dbt)
        attached = {str(a.get("alias")) for o in dbt.outputs.values() for a in entries(o.get("attach"))}
        for node in dbt.of("model", "snapshot", "test"):
            for relation in sql.relations(catalog.sql(node)) if node.path.endswith(".sql") else ():
                parts = relation.parts
                if len(parts) == 3 and not set(parts) & SYSTEM and parts[0] not in {*attached, "bigquery-public-data"}:
                    yield Found(path=node.path, line=relation.line, message=f"the database `{parts[0]}` is written out")
            for m in re.finditer(r"""\bdatabase\s*=\s*['"]([^'"]+)['"]""", node.text):
                if m[1] not in attached:
                    where = line_of(node.text, m.start())
                    yield Found(
                        path=node.path, line=where, message=f"the database `{m[1]}` is written out in its config"
                    )
        yield from _databases_in_yaml(project, dbt, attached)


def _databases_in_yaml(project: Project, dbt: DbtProject, attached: set[str]) -> Iterator[Found]:
    for loc, value in _keys(dbt.document.content, ()):
        if loc[0] in BUILT and loc[-1].removeprefix("+") in {"database", "target_database"}:
            if isinstance(value, str) and not is_jinja(value) and value not in attached:
                message = f"the database `{value}` is written out for every environment"
                yield Found(path=dbt.file, line=dbt.document.line(*loc), message=message)
    seen: set[tuple[str, int]] = set()
    files = {"duckdb"} & ({dbt.adapter} if dbt.adapter else _adapters(project))
    for d in dbt.sources.values():
        said = d.content.get("database") or d.group.get("database") or d.group.get("catalog")
        if not isinstance(said, str) or is_jinja(said) or said in attached:
            continue
        where = d.loc if d.content.get("database") else d.loc[:2]
        key = "catalog" if not (d.content.get("database") or d.group.get("database")) else "database"
        place = (d.path, d.document.line(*where, key))
        if place not in seen and (files or PRODUCTION.search(said)):
            seen.add(place)
            because = ", and DuckDB calls a database as its file is called" if files else ""
            yield Found(
                path=d.path,
                line=place[1],
                message=f"source `{d.source}` has the database `{said}` written out{because}",
            )


def _adapters(project: Project) -> set[str]:
    return {r.name.removeprefix("dbt-") for r in project.requirements.asked if r.name.startswith("dbt-")}


def _keys(value: object, loc: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, inner in mapping(value).items():
        yield (*loc, str(key)), inner
        yield from _keys(inner, (*loc, str(key)))


def unknown_profiles(project: Project) -> Iterator[Found]:
    """A profile or target that no profiles.yml of the repository has; silent where there is none in it."""
    for dbt in project.dbt:
        name = dbt.config.get("profile")
        if not dbt.profiles:
            continue
        if name is None:
            own = any(str(PurePosixPath(path).parent) == dbt.folder for path, _ in dbt.profiles)
            if own and dbt.nodes:  # a package names none
                yield Found(path=dbt.file, line=1, message="it names no `profile`")
            continue
        known = {k for _, doc in dbt.profiles for k in mapping(doc.content) if k != "config"}
        if is_jinja(name):
            continue
        if str(name) not in known:
            message = f"profile `{name}` is in no profiles.yml here{nearest(str(name), known)}"
            yield Found(path=dbt.file, line=dbt.document.line("profile"), message=message)
            continue
        yield from _unknown_targets(project, dbt)


def _unknown_targets(project: Project, dbt: DbtProject) -> Iterator[Found]:
    for path, doc in dbt.profiles:
        profile = mapping(mapping(doc.content).get(str(dbt.config["profile"])))
        said = profile.get("target", "default")
        if profile and dbt.outputs and not is_jinja(said) and str(said) not in dbt.outputs:
            near = nearest(str(said), dbt.outputs)
            line = doc.line(str(dbt.config["profile"]), "target")
            yield Found(path=path, line=line, message=f"target `{said}` is not among its outputs{near}")
    if len(project.dbt) == 1 and dbt.outputs and len(dbt.profiles) == 1:
        for command in project.commands:
            m = re.search(r"\bdbt\b.*?(?:--target|\s-t)[ =]+([\w-]+)", command.text)
            if m and m[1] not in dbt.outputs:
                message = f"`{m[0]}`: the profile has no target `{m[1]}`{nearest(m[1], dbt.outputs)}"
                yield Found(path=command.path, line=command.line, message=message)


def unpinned_packages(project: Project) -> Iterator[Found]:
    """Packages whose next install may bring another release."""
    for dbt in project.dbt:
        locked = {_locked_name(e) for e in dbt.lock or ()}
        for p in dbt.packages:
            if "local" in p.said or _short(p.name) in locked:
                continue
            if because := _loose(p):
                yield Found(path=p.path, line=p.line, message=f"package `{p.name}` {because}")


def _loose(package: Package) -> str:
    said = package.said
    if "git" in said or "private" in said:
        revision = str(said.get("revision") or "")
        if not revision:
            return "has no `revision`"
        return f"follows the branch `{revision}`" if revision.lower() in MOVING else ""
    if "package" not in said:
        return ""
    versions = [v.strip() for v in ",".join(texts(said.get("version"))).split(",") if v.strip()]
    if not versions and said.get("version") is not None:
        versions = [str(said["version"])]
    if not versions:
        return "has no `version`"
    bounded = any(v.startswith(("<", "=", "v")) or v[0].isdigit() for v in versions)
    return "" if bounded else f"may be any release with `{', '.join(versions)}`"


def _short(name: str) -> str:
    return name.removesuffix(".git").rstrip("/").rpartition(":")[2].removeprefix("//").lower()


def _locked_name(entry: object) -> str:
    said = mapping(entry)
    return _short(str(said.get("package") or said.get("git") or said.get("local") or said.get("name") or ""))


def stale_lock(project: Project) -> Iterator[Found]:
    """A package-lock.yml that is not what packages.yml asks for."""
    for dbt in project.dbt:
        if dbt.lock is None or dbt.lock_path is None:
            continue
        locked = {_locked_name(e): mapping(e) for e in dbt.lock}
        for p in dbt.packages:
            entry = locked.get(_short(p.name))
            if entry is None:
                yield Found(path=dbt.lock_path, line=1, message=f"`{p.name}` is asked for and not in the lock")
            elif (version := entry.get("version")) and "package" in p.said and not _meets(str(version), p):
                line = first_line(project.text(dbt.lock_path), re.escape(str(version)))
                asked = ", ".join(texts(p.said.get("version"))) or str(p.said.get("version"))
                yield Found(
                    path=dbt.lock_path,
                    line=line,
                    message=f"`{p.name}` is locked at {version}, and `{asked}` is asked for",
                )
            elif (
                "git" in p.said
                and re.fullmatch(r"[0-9a-f]{40}", str(p.said.get("revision")))
                and entry.get("revision")
                not in (
                    None,
                    p.said.get("revision"),
                )
            ):
                yield Found(
                    path=dbt.lock_path, line=1, message=f"`{p.name}` is locked at another commit than the one asked for"
                )


def _meets(version: str, package: Package) -> bool:
    for said in ",".join(texts(package.said.get("version")) or [str(package.said.get("version") or "")]).split(","):
        m = re.match(r"\s*(>=|<=|==|=|>|<)?\s*v?([\d.]+)", said)
        if m is None:
            continue
        here, there = _numbers(version), _numbers(m[2])
        sign = m[1] or "="
        fits = {">=": here >= there, "<=": here <= there, ">": here > there, "<": here < there}.get(sign, here == there)
        if not fits:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    said = [int(n) for n in re.findall(r"\d+", version.partition("-")[0])]
    return (*said, 0, 0, 0)[:3]


def freshness_never_run(project: Project) -> Iterator[Found]:
    """Freshness that is declared while nothing that runs dbt ever asks for it."""
    if FRESHNESS.search(words_of(project)) or "tidegate.yml" in project.tree.texts:
        return
    by_itself = any(RUNS_DBT.search(c.text) for c in project.commands) or any(
        RUNS_DBT.search(f.text) for f in project.python
    )
    for dbt in project.dbt:
        if dbt.artifacts.sources or not (by_itself or dbt.artifacts.run_results):
            continue
        seen: set[tuple[str, int]] = set()
        for d in dbt.sources.values():
            for loc, said in ((d.loc, d.content), (d.loc[:2], d.group)):
                key = ("freshness",) if "freshness" in said else ("config", "freshness")
                limits = mapping(said.get("freshness") or mapping(said.get("config")).get("freshness"))
                place = (d.path, d.document.line(*loc, *key))
                if any(limits.get(k) for k in ("warn_after", "error_after")) and place not in seen:
                    seen.add(place)
                    message = (
                        f"freshness of source `{d.source}` is declared, and nothing here runs `dbt source freshness`"
                    )
                    yield Found(path=d.path, line=place[1], message=message)
                    break


def nothing_selected(project: Project) -> Iterator[Found]:
    """Commands whose selection means no node: dbt does nothing and succeeds."""
    for dbt in project.dbt:
        results = dbt.artifacts.run_results
        if (
            results
            and results.get("results") == []
            and str(mapping(results.get("args")).get("which")) in {"build", "run", "test"}
        ):
            yield Found(path=dbt.file, line=1, message="dbt's last run executed 0 nodes and succeeded")
    if len(project.dbt) != 1:
        return
    dbt = project.dbt[0]
    for command in project.commands:
        if not re.search(r"\bdbt\b.*\b(?:run|build|test|seed|snapshot)\b", command.text):
            continue
        for m in SELECTION.finditer(command.text):
            for word in m[1].split():
                if _selects_nothing(dbt, word.strip("\"'")):
                    message = f"`{word}` in `{command.text.strip()[:80]}` selects nothing"
                    yield Found(path=command.path, line=command.line, message=message)


def _selects_nothing(dbt: DbtProject, word: str) -> bool:
    if re.search(r"[$`*?(){}\[\]]", word):
        return False
    return any(_part_selects_nothing(dbt, part) for part in word.split(",") if part)


def _part_selects_nothing(dbt: DbtProject, word: str) -> bool:
    plain = re.sub(r"^(?:@|\d*\+)|\+\d*$", "", word)
    method, colon, value = plain.partition(":")
    if not colon:
        return not _named(dbt, plain)
    if method == "tag":
        said = "\n".join(
            [dbt_text(n) for n in dbt.nodes]
            + [str(dbt.config)]
            + [str(d.content) + str(d.group) for d in dbt.described]
        )
        return value not in said
    if method == "path":
        return not any(under(n.path, joined(dbt.folder, value)) for n in dbt.nodes) and not any(
            p.startswith(joined(dbt.folder, value)) for p in dbt.properties
        )
    if method == "source":
        source, _, table = value.partition(".")
        return not any(s == source and table in {"", t} for s, t in dbt.sources)
    if method == "exposure":
        return not any(str(e.get("name")) == value for e in dbt.exposures)
    return False


def dbt_text(node: Node) -> str:
    """A node's text and what is configured of it."""
    return f"{node.text if node.kind != 'seed' else ''} {node.config}"


def _named(dbt: DbtProject, word: str) -> bool:
    if "/" in word or word.endswith((".sql", ".yml", ".csv")):
        return any(n.path.endswith(word) or f"/{word.rstrip('/')}/" in f"/{n.path}" for n in dbt.nodes)
    names = {n.name for n in dbt.nodes} | {dbt.name} | {t.name for t in dbt.tests} | {u for u, _ in dbt.unit_tests}
    names |= {p.name.rpartition("/")[2] for p in dbt.packages} | {re.sub(r"_v\d+$", "", n) for n in names}
    folders = {part for n in dbt.nodes for part in PurePosixPath(n.path).parts}
    last = word.rpartition(".")[2]
    generated = any(fnmatchcase(word, f"*{t.name.rpartition('.')[2]}_{t.owner.name}*") for t in dbt.tests)
    return word in names or last in names | folders or word in folders or generated or dbt.brings_models
