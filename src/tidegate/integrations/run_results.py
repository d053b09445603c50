"""Write a report as dbt's run_results.json, version 6, for the tools that read it after `dbt test`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import tidegate
from tidegate.services.report import Case, Report

SCHEMA = "https://schemas.getdbt.com/dbt/run-results/v6.json"
DBT_VERSION = "1.11.0"
"""The release whose file this is like; readers compare versions, and Tidegate's own would mean nothing to them."""


def render(report: Report, *, invocation_id: str, command: Sequence[str]) -> str:
    """The document: dbt's own tests, by their unique ids; what is declared elsewhere has no node that a reader could look up.

    Args:
        command: the words of the command line, as dbt keeps them.
    """
    cases = [c for c in report.cases if c.is_dbt]
    document = {
        "metadata": {
            "dbt_schema_version": SCHEMA,
            "dbt_version": DBT_VERSION,
            "generated_at": _time(report.checked_at),
            "invocation_id": invocation_id,
            "invocation_started_at": _time(report.checked_at),
            "env": {"tidegate_version": tidegate.__version__},
        },
        "results": [_result(case, report) for case in cases],
        "elapsed_time": report.seconds,
        "args": {"which": "test", "invocation_command": " ".join(command), "vars": {}},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _result(case: Case, report: Report) -> Mapping[str, object]:
    return {
        "status": case.outcome.value,
        "timing": [],
        "thread_id": "tidegate",
        "execution_time": report.seconds_of(case.table) / len(report.of(case.table)),
        "adapter_response": {},
        "message": None if case.outcome == "pass" else case.message,
        "failures": case.failures,
        "unique_id": case.id,
        "compiled": case.sql is not None,
        "compiled_code": case.sql,
        "relation_name": None,
        "batch_results": None,
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
