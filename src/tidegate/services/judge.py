"""Judge: hold the numbers of one version against its checks, its past and itself, and say what is worth telling."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidegate.checks import CHECKS, blind_spots
from tidegate.detect import (
    OF_VERSIONS,
    OF_VERSIONS_BESIDE_TIME,
    DetectSettings,
    TableHistory,
    ages,
    judge_schema,
    judge_table,
)
from tidegate.detect.history import LOAD_COLUMN
from tidegate.lineage import Graph
from tidegate.metrics import in_segment
from tidegate.model import (
    CheckResult,
    DatasetRef,
    Finding,
    Grid,
    Layer,
    MetricSpec,
    Outcome,
    PipelineFacts,
    Settings,
    TestRun,
)
from tidegate.ports import StateStore
from tidegate.services.baseline import Answers, knobs
from tidegate.services.incidents import group
from tidegate.services.measure import Measured
from tidegate.services.overrides import unknown_tables, wrong_times

NAMES_SHOWN = 5

LEFT_TO_BANDS = "elementary."
"""How kinds of checks begin whose subject learned bands look at anyway; dbt's verdict counts too where it ran them."""

KPI = "metric"
"""The kind of check that bounds a number which people steer by; when it is out of bounds, that is a matter of the business."""

CHECKS_WITH_GROUPS = {"group_by", "group_by_columns"}
"""Arguments by which a check looks at each group by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was thought of one version: every check's result, and the findings: those that hold first, causes before effects."""

    results: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def judge(
    measured: Measured,
    facts: PipelineFacts,
    graph: Graph,
    *,
    parent: int | None,
    state: StateStore,
    settings: Settings,
    now: datetime,
    built: bool = False,
) -> Verdict:
    """Judge without writing anything. Only versions of `parent`'s lineage that were published ever teach.

    Args:
        parent: the version that this one is compared with; None for the first.
        built: whether steps wrote this version just now, so that dbt had its tests to run.
    """
    tests = {t.id: t for t in facts.tests}
    results = tuple(_with_dbt(_if_bands_look(r, measured, settings), tests) for r in measured.results)
    results = tuple(r if built and r.outcome is Outcome.PASS else _placed(r, facts) for r in results)
    findings = [f for r in results if (f := _from_result(r, tests, strict=settings.strict)) is not None]
    findings += _blind(results, measured, parent=parent, state=state, strict=settings.strict)
    findings += _broken(measured)
    findings += _unchecked(facts)
    findings += [f for r in results if (f := _disagreement(r, tests.get(r.check.id))) is not None]
    findings += _untested(results, facts) if built else []
    notes = list(facts.notes)
    notes += [note for scan in measured.scans.values() for note in scan.notes]
    if settings.learned != "off":
        answers = Answers(state, parent, under_test=measured.version)
        learned = _learned(measured, facts, graph, answers, parent=parent, state=state, settings=settings, now=now)
        known = [f for f in learned if answers.to(f)]
        notes += unknown_tables(measured.catalog, settings)
        notes += _young([f for f in learned if _is_note(f)])
        notes += [f"accepted before: {f.sentence}" for f in known]
        findings += [f for f in learned if not _is_note(f) and f not in known]
        wrong = wrong_times(measured.catalog, measured.profiled, settings)
        findings += wrong if settings.learned == "hold" else map(_softened, wrong)
    findings = [f for members in group(findings, graph) for f in members]
    findings.sort(key=lambda f: not f.holds)
    return Verdict(results=results, findings=tuple(findings), notes=tuple(notes))


def _placed(result: CheckResult, facts: PipelineFacts) -> CheckResult:
    """With the line at which its check is declared; of a run's many that pass nobody asks."""
    return dataclasses.replace(result, check=facts.located(result.check))


def _learned(
    measured: Measured,
    facts: PipelineFacts,
    graph: Graph,
    answers: Answers,
    *,
    parent: int | None,
    state: StateStore,
    settings: Settings,
    now: datetime,
) -> list[Finding]:
    found: list[Finding] = []
    old = state.schemas(parent) if parent is not None else {}
    for ref, scan in measured.scans.items():
        if ref not in measured.profiled:
            continue
        told = knobs(settings, ref, measured.profiled, feedback=answers.feedback(ref))
        history = TableHistory(
            dataset=measured.catalog[ref],
            current=scan.measurements,
            known=measured.known.get(ref, Grid()),
            reopened=scan.reopened,
            excluded=(*answers.excluded(ref), *answers.loads(ref)),
            accepted=answers.normals(ref),
            drifts=answers.drifts(ref),
            new_loads=facts.load_ids,
            loads=scan.loads,
            time_column=scan.time_column,
            grain=scan.grain,
        )
        if parent is not None and ref in old:
            history = _remembered(history, state, parent, told, now)
        found += map(beside_load, judge_table(history, now=now, settings=told))
    for ref in dict.fromkeys([*old, *(r for r in measured.scans if r in measured.profiled)]):
        present = measured.catalog[ref].columns if ref in measured.catalog else ()
        types = tuple((c.name, c.type) for c in present)
        found += judge_schema(ref, old.get(ref), types, used_by=_users(graph, ref))
    return found if settings.learned == "hold" else [_softened(f) for f in found]


def beside_load(finding: Finding) -> Finding:
    """Of a category of one load the number of both: the load is its segment, and the category a condition beside it."""
    spec, cut = finding.spec, finding.slice
    of_load = spec is not None and spec.segment is not None and spec.segment.column == LOAD_COLUMN
    if spec is None or cut is None or not of_load or finding.kind != "segment":
        return finding
    return dataclasses.replace(finding, spec=dataclasses.replace(spec, where=in_segment(cut.segment)))


def _remembered(
    history: TableHistory, state: StateStore, parent: int, knobs: DetectSettings, now: datetime
) -> TableHistory:
    """With what the parent's lineage says of the table; of earlier versions only what buckets do not tell better."""
    ref, grid = history.dataset.ref, history.known or Grid()
    in_time = history.time_column is not None and len(grid.intervals) > knobs.min_history
    told = _by_time(history) if in_time else ()
    young = ages(history.newest_age(now))
    begins = min((i.start for i in grid.intervals), default=None)
    first = grid.first if young == ages(0.0) else None
    return dataclasses.replace(
        history,
        base=state.numbers(parent, ref),
        first=first or state.grid(parent, ref, since=begins, ages=young).first or Grid(),
        versions=state.history(
            parent, ref, metrics=OF_VERSIONS_BESIDE_TIME if in_time else OF_VERSIONS, segments=not in_time, told=told
        ),
    )


def _by_time(history: TableHistory) -> frozenset[tuple[str, str | None]]:
    """The numbers that buckets tell, by metric and column: those of whole versions say less. But the rows, when the newest
    one was, and how many have no time are asked of versions too.
    """
    specs = history.known.specs if history.known is not None else ()
    told = {(s.metric, s.column) for s in specs if s.where is None and s.segment is None}
    return frozenset(told - {("row_count", None), ("max", history.time_column), ("null_count", history.time_column)})


def _users(graph: Graph, ref: DatasetRef) -> Callable[[str], Sequence[str]]:
    """Who uses a column of a dataset; the empty name stands for the dataset itself."""

    def users(column: str) -> Sequence[str]:
        if column:
            return graph.users_of(ref, column)
        return tuple(sorted(str(d) for d in graph.downstream(ref)))

    return users


def _is_note(finding: Finding) -> bool:
    """Too little history to judge is said once, and is no finding."""
    return finding.kind == "unchecked" and not finding.holds


def _softened(finding: Finding) -> Finding:
    return dataclasses.replace(finding, holds=False)


def _young(findings: Sequence[Finding]) -> list[str]:
    """Tables with too little history, in one line."""
    if len(findings) < 2:
        return [f.sentence for f in findings]
    names = ", ".join(str(f.dataset) for f in findings)
    return [f"not enough history for learned bands yet, so only gross changes are judged: {names}"]


def _if_bands_look(result: CheckResult, measured: Measured, settings: Settings) -> CheckResult:
    """A test that is left to learned bands was not evaluated where they are off, or do not look, as at a view."""
    if not result.check.kind.startswith(LEFT_TO_BANDS) or result.outcome is not Outcome.PASS:
        return result
    if settings.learned != "off" and result.check.dataset in measured.profiled:
        return result
    why = "which are off" if settings.learned == "off" else f"which do not look at {result.check.dataset}"
    return dataclasses.replace(result, outcome=Outcome.SKIPPED, reason=f"left to learned bands, {why}")


def _with_dbt(result: CheckResult, tests: Mapping[str, TestRun]) -> CheckResult:
    """A check that only dbt can evaluate takes dbt's own verdict; one that dbt did not run could not be told.

    So does one whose compiled SQL cannot be run here, and one that is left to learned bands and that dbt ran too.
    """
    run = tests.get(result.check.id)
    ran = run is not None and run.status != "skipped"
    lost = ran and result.check.kind == "compiled" and result.outcome is Outcome.ERROR
    left = ran and result.check.kind.startswith(LEFT_TO_BANDS)
    if result.check.kind != "dbt" and not lost and not left:
        return result
    if run is None or run.status == "skipped":
        reason = "dbt did not run this test in this run" if run is None else "dbt skipped this test"
        return dataclasses.replace(result, outcome=Outcome.SKIPPED, reason=reason)
    outcome = Outcome(run.status) if run.status in set(Outcome) else Outcome.ERROR
    reason = run.message or f"dbt says {run.status}"
    return dataclasses.replace(result, outcome=outcome, reason=reason, failures=run.failures)


def _from_result(result: CheckResult, tests: Mapping[str, TestRun], *, strict: bool = False) -> Finding | None:
    """What is worth telling of a result; with `strict`, a check that looked at nothing holds as if it had failed."""
    check = result.check
    if result.outcome is Outcome.PASS and result.evaluated != 0:
        return None
    kind = "check" if result.outcome in {Outcome.FAIL, Outcome.WARN} else "unchecked"
    holds = check.blocking and result.outcome in {Outcome.FAIL, Outcome.ERROR}
    if strict and result.outcome is Outcome.PASS:
        holds = check.blocking and check.severity == "error"
    where = f" ({check.declared_in})" if check.declared_in else ""
    share = None
    are_rows = check.kind not in CHECKS or CHECKS[check.kind].reads == "failures"
    if result.failures and result.evaluated and are_rows:
        share = min(1.0, result.failures / result.evaluated)
    return Finding(
        key=f"{check.dataset}/check/{check.id}",
        kind=kind,
        layer=Layer.BUSINESS if check.kind == KPI else Layer.DATA,
        dataset=check.dataset,
        column=check.column,
        spec=_number_of(result),
        sentence=f"{check.name} on {check.dataset}: {result.reason}{where}",
        holds=holds,
        observed=None if result.failures is None else float(result.failures),
        sql=result.sql,
        affected_rows=result.failures,
        affected_share=share,
        hint=_hint(result, tests.get(check.id)),
    )


def _number_of(result: CheckResult) -> MetricSpec | None:
    """The number that a check is about, where it is one of a single column, whose fault stays in what is made from it."""
    check = result.check
    if check.kind != "not_null" or check.column is None:
        return None
    return MetricSpec(dataset=check.dataset, metric="null_count", column=check.column, where=check.where)


def _hint(result: CheckResult, run: TestRun | None) -> str:
    if result.outcome is Outcome.ERROR:
        return "repair the check or the table it names; until then nobody knows whether the data is right"
    if result.outcome is Outcome.SKIPPED:
        return "find out why it was not run; a check that does not run protects nothing"
    if result.evaluated == 0:
        return "nothing was evaluated: see whether the table or the `where` should hold rows"
    if result.check.stored_in is not None and run is not None and run.failures:
        return f"dbt kept the failing rows in {result.check.stored_in}; look at them, repair the source or the model"
    return "look at the failing rows with the SQL, repair the source or the model"


def _blind(
    results: Sequence[CheckResult], measured: Measured, *, parent: int | None, state: StateStore, strict: bool
) -> list[Finding]:
    """Checks that passed and could not have failed, or cannot see what they are there for; these hold with `strict`."""
    values = {spec: value for scan in measured.scans.values() for spec, value in scan.values.items()}
    tables = {r.check.dataset for r in results if CHECKS_WITH_GROUPS & set(r.check.arguments)}
    kept = [m for ref in tables if parent is not None for m in state.numbers(parent, ref)]
    before = {m.spec: m.value for m in kept if m.interval is None}
    return [
        Finding(
            key=f"{r.check.dataset}/blind/{r.check.id}",
            kind="unchecked",
            layer=Layer.DATA,
            dataset=r.check.dataset,
            column=r.check.column,
            sentence=f"{r.check.name} on {r.check.dataset} passes, and cannot fail as it is meant to: {'; '.join(spots)}",
            holds=strict and r.check.blocking and r.check.severity == "error",
            sql=r.sql,
            hint="change the test's arguments, or demand the same in `checks:` of tidegate.yml",
        )
        for r in results
        if (spots := blind_spots(r, measured.catalog, values, before))
    ]


def _disagreement(result: CheckResult, run: TestRun | None) -> Finding | None:
    """dbt failed a test that passes here: its downstream models were skipped, so old tables may stand in the candidate."""
    if run is None or run.status not in {"fail", "error"} or result.outcome is not Outcome.PASS:
        return None
    check = result.check
    return Finding(
        key=f"{check.dataset}/unchecked/{check.id}",
        kind="unchecked",
        layer=Layer.TECHNICAL,
        dataset=check.dataset,
        column=check.column,
        sentence=f"{check.name} on {check.dataset}: dbt says `{run.status}`, the scan says it passes: {run.message or ''}",
        holds=check.blocking,
        hint="read dbt's log of the step; dbt skips what is downstream of a failed test, so those tables may be old",
    )


def _broken(measured: Measured) -> list[Finding]:
    """Tables that nobody could look at. What is measured for its checks alone is left to them and their `on_fail`."""
    return [
        Finding(
            key=f"{ref}/unchecked/scan",
            kind="unchecked",
            layer=Layer.TECHNICAL,
            dataset=ref,
            sentence=f"{ref} could not be measured: {error}",
            holds=True,
            sql=error.sql,
            hint="run the statement by hand against the held version; what was not audited is not published",
        )
        for ref, error in measured.broken.items()
        if ref in measured.profiled
    ]


def _unchecked(facts: PipelineFacts) -> list[Finding]:
    """Green that checked nothing: a step that built nothing is told, and holds."""
    if facts.executed_nodes != 0:
        return []
    return [
        Finding(
            key="pipeline/unchecked/zero-nodes",
            kind="unchecked",
            layer=Layer.TECHNICAL,
            dataset=None,
            sentence="dbt ended green and executed 0 nodes: nothing was built and nothing was tested",
            holds=True,
            hint="check the selection (`select:` of the step, or the arguments after `--`)",
        )
    ]


def _untested(results: Sequence[CheckResult], facts: PipelineFacts) -> list[Finding]:
    """Tests that only dbt can evaluate, in a run in which dbt ran none: a part of the data that nobody looked at."""
    missed = [r.check.name for r in results if r.check.kind == "dbt" and r.check.severity == "error"]
    if not missed or facts.tests or facts.executed_nodes == 0:
        return []
    more = f" and {len(missed) - NAMES_SHOWN} more" if len(missed) > NAMES_SHOWN else ""
    return [
        Finding(
            key="pipeline/unchecked/no-dbt-tests",
            kind="unchecked",
            layer=Layer.TECHNICAL,
            dataset=None,
            sentence=f"dbt ran none of its tests, so nobody evaluated {', '.join(missed[:NAMES_SHOWN])}{more}",
            holds=True,
            hint="let the run end with `dbt build` or `dbt test`",
        )
    ]
