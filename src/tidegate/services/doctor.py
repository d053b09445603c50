"""Doctor: judge a project's files by the catalogue of rules, less what the team has excused for a reason and a time."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.doctor import RULES, Document, Edit, Found, Project
from tidegate.doctor.words import mapping, matches
from tidegate.model.words import counted

IGNORE_FILE = ".tidegate-ignore.yml"
LEVELS = ("error", "warning", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One rule broken at one place: `level` is error, warning or note; `line` from 1; `fixable` by `--fix`."""

    code: str
    level: str
    path: str
    line: int
    message: str
    why: str
    fix: str
    fixable: bool
    edit: Edit | None = field(default=None, metadata={"json": False})


@dataclass(frozen=True, slots=True, kw_only=True)
class Excuse:
    """One entry of the ignore file that holds: which findings it takes away, why, and through which day."""

    code: str
    path: str
    reason: str
    until: datetime.date
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A breach that an entry of the ignore file takes away."""

    breach: Breach
    reason: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What the doctor found, gravest first within a file. `unchecked` are the rules that could not be judged, with why.

    `notes` say what could not be read; `fixed` are the breaches that `--fix` has repaired.
    """

    breaches: tuple[Breach, ...]
    ignored: tuple[Ignored, ...]
    rules: int
    files: int
    unchecked: Mapping[str, str]
    notes: tuple[str, ...]
    fixed: tuple[Breach, ...] = ()

    @property
    def counts(self) -> str:
        """The number of findings by level, as one sentence."""
        by = Counter(b.level for b in self.breaches)
        parts = ", ".join(counted(by[level], level) for level in LEVELS if by[level])
        return f"{counted(len(self.breaches), 'finding')}{f': {parts}' if parts else ''}"


def diagnose(
    project: Project,
    *,
    ignores: Document | None,
    ignore_file: str,
    today: datetime.date,
    others: Sequence[tuple[str, Found]] = (),
    unchecked: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    only: frozenset[str] = frozenset(RULES),
) -> Diagnosis:
    """Judge the facts by every rule of the catalogue.

    Args:
        ignores: the ignore file; None when there is none.
        others: what was found outside the pure rules: secrets, and what `--deep` ran, by code.
        unchecked: the codes of rules that nobody could judge, with the reason.
        today: the day by which an excuse has expired or not.
        only: the codes of the rules to judge by.
    """
    excuses, wrong = _excuses(ignores, ignore_file, today)
    judges = ((code, rule.judge) for code, rule in RULES.items() if rule.judge is not None and code in only)
    found = [(code, f) for code, judge in judges for f in judge(project)]
    told = (_breach(code, f) for code, f in [*wrong, *found, *others] if code in only)
    breaches = sorted(_once(told), key=_order)
    kept: list[Breach] = []
    ignored: list[Ignored] = []
    for breach in breaches:
        excuse = next((e for e in excuses if e.code == breach.code and matches(breach.path, e.path)), None)
        if excuse is None:
            kept.append(breach)
        else:
            ignored.append(Ignored(breach=breach, reason=excuse.reason, until=excuse.until.isoformat()))
    open_ = {code: why for code, why in (unchecked or {}).items() if code in only}
    return Diagnosis(
        breaches=tuple(kept),
        ignored=tuple(ignored),
        rules=len(only) - len(open_),
        files=len(project.tree.present),
        unchecked=open_,
        notes=tuple(notes),
    )


def _order(breach: Breach) -> tuple[str, int, int, str]:
    return breach.path, LEVELS.index(breach.level), breach.line, breach.code


def _once(breaches: Iterable[Breach]) -> Iterator[Breach]:
    """Each breach of a rule at a place once, with its message."""
    seen: set[tuple[str, str, int, str]] = set()
    for breach in breaches:
        key = (breach.code, breach.path, breach.line, breach.message)
        if key not in seen:
            seen.add(key)
            yield breach


def _breach(code: str, found: Found) -> Breach:
    rule = RULES[code]
    return Breach(
        code=code,
        level=rule.level,
        path=found.path.removeprefix("./"),
        line=max(found.line, 1),
        message=found.message,
        why=rule.why,
        fix=found.fix or rule.fix,
        fixable=found.edit is not None,
        edit=found.edit,
    )


def _excuses(
    document: Document | None, file: str, today: datetime.date
) -> tuple[tuple[Excuse, ...], list[tuple[str, Found]]]:
    """The entries that hold, and what is wrong with the others: those take nothing away."""
    content = document.content if document is not None else None
    excuses: list[Excuse] = []
    wrong: list[tuple[str, Found]] = []
    for n, entry in enumerate(content if isinstance(content, list) else []):
        line = document.line(n) if document is not None else 1
        said = mapping(entry)
        code, reason, until = (
            str(said.get("code") or ""),
            str(said.get("reason") or "").strip(),
            _day(said.get("until")),
        )
        faults = []
        if code not in RULES:
            faults.append(f"there is no rule `{code}`" if code else "it has no `code`")
        if not reason:
            faults.append("it has no `reason`")
        if until is None:
            faults.append("it has no `until`, a day such as 2027-01-31")
        if until is None or faults:
            named = f"the entry for `{code}`" if code else "an entry"
            wrong.append(("ignore-invalid", Found(path=file, line=line, message=f"{named}: {'; '.join(faults)}")))
        elif until < today:
            message = f"the entry for `{code}` expired on {until}; its reason was: {reason}"
            wrong.append(("ignore-expired", Found(path=file, line=line, message=message)))
        else:
            excuses.append(Excuse(code=code, path=str(said.get("path") or "**"), reason=reason, until=until, line=line))
    return tuple(excuses), wrong


def _day(value: object) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
