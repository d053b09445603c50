"""Learned detection: from a table's past numbers to the band that the next one is expected in, and to findings.

Pure: numbers in, findings out; the clock arrives as an argument. numpy is loaded when the first table is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tidegate.detect.history import (
    DRIFT,
    LOUDEST,
    OF_VERSIONS,
    OF_VERSIONS_BESIDE_TIME,
    DetectSettings,
    Normal,
    TableHistory,
    age_of,
    ages,
    just_ended,
    lookback,
    newest_of_runs,
)
from tidegate.detect.schema import judge_schema
from tidegate.model import Finding

if TYPE_CHECKING:
    from tidegate.detect.ahead import Outlook

__all__ = [
    "DRIFT",
    "LOUDEST",
    "OF_VERSIONS",
    "OF_VERSIONS_BESIDE_TIME",
    "DetectSettings",
    "Normal",
    "TableHistory",
    "age_of",
    "ages",
    "judge_schema",
    "judge_table",
    "just_ended",
    "lookback",
    "newest_of_runs",
    "notes",
    "outlook",
]

UsedBy = Callable[[str], Sequence[str]]


def judge_table(history: TableHistory, *, now: datetime, settings: DetectSettings) -> tuple[Finding, ...]:
    """Tell what is strange about one table's newest numbers, the gravest finding first; usually nothing.

    Only earlier buckets and earlier versions teach. At most `settings.most_findings` findings: one for each cause.
    A table with too little history gets one finding of the kind `unchecked`, which does not hold.
    Pure and deterministic; the order of measurements is irrelevant. About 0.02 s for 300 series of 120 buckets.
    """
    from tidegate.detect.judge import judge

    return judge(history, now=now, settings=settings).findings


def outlook(history: TableHistory, *, now: datetime, settings: DetectSettings) -> Outlook:
    """What is expected of a table's next bucket or version, and what its past is like. It costs what judging one does."""
    from tidegate.detect.ahead import outlook as look_ahead

    return look_ahead(history, now=now, settings=settings)


def notes(history: TableHistory, *, now: datetime, settings: DetectSettings) -> tuple[str, ...]:
    """Say in plain lines what was judged and what was not: grain, buckets under test, the open bucket, short history."""
    from tidegate.detect.judge import judge

    return judge(history, now=now, settings=settings).notes
