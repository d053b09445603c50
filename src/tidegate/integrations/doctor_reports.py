"""Write a diagnosis as SARIF, as GitHub annotations and as Markdown."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from tidegate.doctor import RULES
from tidegate.integrations import github, sarif
from tidegate.integrations.markdown import plain
from tidegate.services.doctor import LEVELS, Breach, Diagnosis

ANNOTATIONS = {"error": "error", "warning": "warning", "note": "notice"}
MARKS = {"error": "❌ error", "warning": "⚠️ warning", "note": "💬 note"}


def as_sarif(told: Diagnosis, *, below: str, ended: datetime) -> str:
    """SARIF 2.1.0 with every rule that was judged, so that a finding that is gone is known to be gone."""
    codes = [code for code in RULES if code not in told.unchecked]
    places = Counter[tuple[str, str, str]]()
    results = []
    for breach in told.breaches:
        key = (breach.code, breach.path, breach.message)
        places[key] += 1
        results.append(_result(breach, codes, below, places[key]))
    return sarif.document(
        rules=[_rule(code) for code in codes],
        results=results,
        category="tidegate-doctor/",
        ended=ended,
        exit_code=int(bool(told.breaches)),
        properties={"findings": len(told.breaches), "ignored": len(told.ignored), "unchecked": sorted(told.unchecked)},
    )


def _rule(code: str) -> Mapping[str, object]:
    rule = RULES[code]
    return {
        "id": code,
        "name": code,
        "shortDescription": {"text": rule.says},
        "fullDescription": {"text": f"{rule.says}: {rule.why}"},
        "help": {"text": f"{rule.why}. {rule.fix}."},
        "defaultConfiguration": {"level": rule.level},
    }


def _result(breach: Breach, codes: Sequence[str], below: str, number: int) -> Mapping[str, object]:
    identity = f"{breach.code}\n{breach.path}\n{breach.message}\n{number}"
    return {
        "ruleId": breach.code,
        "ruleIndex": codes.index(breach.code),
        "level": breach.level,
        "message": {"text": f"{breach.message} ({breach.fix})"},
        "locations": [{"physicalLocation": sarif.location(_below(breach.path, below), breach.line)}],
        "partialFingerprints": {"tidegateDoctor/v1": hashlib.sha256(identity.encode()).hexdigest()},
    }


def _below(path: str, folder: str) -> str:
    return f"{folder}/{path}" if folder else path


def as_annotations(told: Diagnosis, *, below: str) -> str:
    """Workflow commands, errors first; the last one of a level counts those that GitHub would not show."""
    lines: list[str] = []
    for level in LEVELS:
        lines += _annotations(level, [b for b in told.breaches if b.level == level], below)
    return "".join(f"{line}\n" for line in (*lines, f"tidegate doctor: {told.counts}"))


def _annotations(level: str, breaches: Sequence[Breach], below: str) -> Iterator[str]:
    word = ANNOTATIONS[level]
    shown = breaches if len(breaches) <= github.MOST else breaches[: github.MOST - 1]
    for b in shown:
        place = f"{_below(b.path, below)}:{b.line}"
        yield github.annotation(word, place=place, title=b.code, message=f"{b.message}\n{b.why}\nfix: {b.fix}")
    if len(shown) < len(breaches):
        rest = f"GitHub shows {github.MOST} of a level: {len(breaches) - len(shown)} more are in the job's summary"
        yield github.annotation(word, place=None, title="tidegate doctor", message=rest)


def as_markdown(told: Diagnosis) -> str:
    """A table of what was found, the reasons folded below it, and what was not looked at."""
    lines = [f"## Tidegate doctor: {told.counts}", ""]
    if told.breaches:
        lines += ["| | rule | where | what | fix |", "|---|---|---|---|---|"]
        lines += [
            f"| {MARKS[b.level]} | `{b.code}` | `{b.path}:{b.line}` | {plain(b.message)} | {plain(b.fix)} |"
            for b in sorted(told.breaches, key=lambda b: LEVELS.index(b.level))
        ]
        lines += ["", "<details><summary>why it matters</summary>", ""]
        lines += [f"- `{code}`: {plain(RULES[code].why)}" for code in dict.fromkeys(b.code for b in told.breaches)]
        lines += ["", "</details>"]
    lines += [
        f"- ignored until {i.until}: `{i.breach.code}` at `{i.breach.path}`: {plain(i.reason)}" for i in told.ignored
    ]
    lines += [f"- not checked: `{code}`: {plain(why)}" for code, why in told.unchecked.items()]
    return "\n".join(lines) + "\n"
