"""dbt's log is understood: what is done, what a person should read, and what a green result hides."""

from __future__ import annotations

import json

from tidegate.integrations.dbt_events import Events


class Heard:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.advances: list[tuple[int, int, str]] = []

    def stage(self, name: str, detail: str = "") -> None: ...

    def advance(self, done: int, total: int, what: str = "") -> None:
        self.advances.append((done, total, what))

    def say(self, line: str) -> None: ...


def event(name: str, msg: str = "", level: str = "info", **data: object) -> str:
    info = {"name": name, "msg": msg, "level": level, "ts": "2026-01-02T03:04:05.678Z"}
    return json.dumps({"info": info, "data": data})


def test_progress_counts_nodes_in_whatever_order_they_end() -> None:
    heard = Heard()
    events = Events(heard)
    for line in (
        event("LogStartLine", index=1, total=3, node_info={"node_name": "a"}),
        event("LogStartLine", index=2, total=3, node_info={"node_name": "b"}),
        event("LogModelResult", index=2, total=3, node_info={"node_name": "b"}),
        event("LogTestResult", index=1, num_models=3, node_info={"node_name": "a"}),
        event("LogTestResult", index=1, num_models=3, node_info={"node_name": "a"}),
        event("LogBatchResult", index=9, total=99, node_info={"node_name": "c"}),
    ):
        events.feed(line)
    assert heard.advances == [(0, 3, "a"), (0, 3, "b"), (1, 3, "b"), (2, 3, "a"), (2, 3, "a")]


def test_people_read_the_message_without_colours() -> None:
    events = Events()
    assert events.feed(event("MainReportVersion", "Running with \x1b[32mdbt\x1b[0m")) == "03:04:05  Running with dbt"
    assert events.feed(event("Formatting")) == ""


def test_what_is_not_dbts_json_passes_unchanged() -> None:
    events = Events()
    for line in ("Traceback (most recent call last):", "{not json", "{}", '{"info": 3}', ""):
        assert events.feed(line) == line
    assert (events.warnings, events.errors) == ([], [])


def test_telling_warnings_are_kept_and_others_are_not() -> None:
    events = Events()
    events.feed(event("NoNodesForSelectionCriteria", "The selection criterion 'x'\n does not match any nodes", "warn"))
    events.feed(event("NoNodeForYamlKey", "[\x1b[33mWARNING\x1b[0m]: Did not find matching node", "warn"))
    events.feed(event("PropertyMovedToConfigDeprecation", "deprecated", "warn"))
    events.feed(event("LogTestResult", "WARN 1", "warn"))
    assert events.warnings == [
        "The selection criterion 'x' does not match any nodes",
        "Did not find matching node",
    ]


def test_errors_are_kept_until_dbt_repeats_them() -> None:
    events = Events()
    events.feed(event("MainEncounteredError", "Compilation Error\n  in model x", "error"))
    events.feed(event("EndOfRunSummary", "Completed with 1 error"))
    events.feed(event("RunResultError", "again", "error"))
    assert events.errors == ["Compilation Error\n  in model x"]


def test_a_full_parse_is_noticed() -> None:
    events = Events()
    events.feed(event("UnableToPartialParse", "Unable to do partial parsing because profile has changed"))
    assert events.parsed_in_full == "Unable to do partial parsing because profile has changed"
