"""Understand dbt's log in JSON: progress, lines for people, warnings that a green result hides, and errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.ports import Progress

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
WARNING = re.compile(r"^\[?WARNING\]?:?\s*")

TELLING = {
    "FreshnessConfigProblem",
    "InvalidDisabledTargetInTestNode",
    "JinjaLogWarning",
    "MacroNotFoundForPatch",
    "NoNodeForYamlKey",
    "NoNodesForSelectionCriteria",
    "NoNodesSelected",
    "NothingToDo",
    "SeedExceedsLimitAndPathChanged",
    "SeedExceedsLimitSamePath",
    "SnapshotTimestampWarning",
    "UnusedResourceConfigPath",
    "UnusedTables",
    "ValidationWarning",
    "WrongResourceSchemaFile",
}
"""The warnings worth a note. Deprecations are not among them, nor a test's own result, which is a `TestRun`, nor a test on
a missing model, which dbt names only in the run that parses the file; the manifest tells it in every run."""


@dataclass(slots=True)
class Events:
    """Everything of note in the log of a step; `own` are the flags that Tidegate adds, of which it needs no warning."""

    progress: Progress | None = None
    own: Sequence[str] = ()
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    parsed_in_full: str | None = None
    done: set[int] = field(default_factory=set)
    ended: bool = False

    def feed(self, line: str) -> str:
        """Take one line of output; what a person should read of it (the line itself when it is not dbt's JSON)."""
        event = _event(line)
        if event is None:
            return COLOUR.sub("", line)
        info, data = event
        name, message = str(info.get("name", "")), COLOUR.sub("", str(info.get("msg", ""))).rstrip()
        self._progress(name, data)
        if name == "UnableToPartialParse":
            self.parsed_in_full = message
        elif name == "EndOfRunSummary":
            self.ended = True
        elif info.get("level") == "warn" and name in TELLING and data.get("spec_raw") not in self.own:
            self.warnings.append(WARNING.sub("", " ".join(message.split())))
        elif info.get("level") == "error" and message and not self.ended:
            self.errors.append(message)
        moment = str(info.get("ts", ""))[11:19]
        return f"{moment}  {message}" if message else ""

    def _progress(self, name: str, data: Mapping[str, object]) -> None:
        index, total = data.get("index"), data.get("total", data.get("num_models"))
        if self.progress is None or not isinstance(index, int) or not isinstance(total, int) or "Batch" in name:
            return
        node = data.get("node_info")
        what = str(node.get("node_name", "")) if isinstance(node, Mapping) else ""
        if name != "LogStartLine":
            self.done.add(index)
        self.progress.advance(len(self.done), total, what)


def _event(line: str) -> tuple[Mapping[str, object], Mapping[str, object]] | None:
    if not line.startswith("{"):
        return None
    try:
        document = json.loads(line)
    except ValueError:
        return None
    info = document.get("info")
    data = document.get("data")
    return (info, data if isinstance(data, Mapping) else {}) if isinstance(info, Mapping) else None
