"""A diagnosis as SARIF, annotations and Markdown: every finding with its place, and what was not looked at."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema

from tidegate.doctor import RULES
from tidegate.integrations import doctor_reports as reports
from tidegate.services.doctor import Breach, Diagnosis, Ignored

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
ENDED = datetime(2026, 11, 22, 12, tzinfo=UTC)


def breach(code: str = "docker-root", path: str = "Dockerfile", line: int = 3, message: str = "no | `USER`") -> Breach:
    rule = RULES[code]
    return Breach(
        code=code, level=rule.level, path=path, line=line, message=message, why=rule.why, fix=rule.fix, fixable=False
    )


def told(*breaches: Breach) -> Diagnosis:
    ignored = Ignored(breach=breach("git-data", "a.duckdb", 1), reason="a sample", until="2027-01-01")
    return Diagnosis(
        breaches=breaches, ignored=(ignored,), rules=5, files=9, unchecked={"deep-rerun": "not asked"}, notes=()
    )


def test_sarif_is_valid_and_has_every_rule_that_was_judged() -> None:
    document = json.loads(reports.as_sarif(told(breach(), breach("py-utf16")), below="shop", ended=ENDED))
    jsonschema.Draft4Validator(SCHEMA).validate(document)
    (run,) = document["runs"]
    rules = [r["id"] for r in run["tool"]["driver"]["rules"]]
    assert set(rules) == set(RULES) - {"deep-rerun"}
    first, second = run["results"]
    assert (first["level"], second["level"]) == ("warning", "error")
    assert rules[first["ruleIndex"]] == first["ruleId"] == "docker-root"
    place = first["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("shop/Dockerfile", 3)
    assert run["invocations"][0]["exitCode"] == 1


def test_two_alike_findings_have_fingerprints_of_their_own_that_no_line_moves() -> None:
    def prints(*lines: int) -> list[str]:
        document = json.loads(reports.as_sarif(told(*(breach(line=n) for n in lines)), below="", ended=ENDED))
        return [r["partialFingerprints"]["tidegateDoctor/v1"] for r in document["runs"][0]["results"]]

    assert len(set(prints(3, 9))) == 2
    assert prints(3, 9) == prints(4, 10)


def test_annotations_stand_at_their_lines_and_stop_where_github_does() -> None:
    text = reports.as_annotations(told(*(breach(line=n) for n in range(1, 15))), below="shop")
    lines = text.splitlines()
    assert lines[0].startswith("::warning file=shop/Dockerfile,line=1,title=docker-root::no | `USER`%0A")
    assert len([x for x in lines if x.startswith("::warning")]) == 10
    assert "5 more are in the job's summary" in lines[9]
    assert lines[-1] == "tidegate doctor: 14 findings: 14 warnings"


def test_markdown_has_the_findings_the_ignored_and_the_unchecked() -> None:
    text = reports.as_markdown(told(breach()))
    assert r"no \| \`USER\`" in text
    assert "ignored until 2027-01-01" in text
    assert "not checked: `deep-rerun`: not asked" in text
    assert "## Tidegate doctor: 0 findings" in reports.as_markdown(told())
