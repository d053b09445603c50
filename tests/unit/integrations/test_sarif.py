"""SARIF 2.1.0: valid by the standard's own schema, and what GitHub code scanning needs is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.integrations.reports import SAMPLE, made, outcome
from tidegate.integrations import sarif
from tidegate.services.report import report

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "sarif-2.1.0.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sarif.render(made("shop"), below="shop"))
    return found


def test_it_is_valid(document: dict[str, Any]) -> None:
    jsonschema.Draft4Validator(SCHEMA).validate(document)
    jsonschema.Draft4Validator(SCHEMA).validate(json.loads(sarif.render(report(outcome((), ())))))


def test_the_schema_refuses_what_is_wrong(document: dict[str, Any]) -> None:
    wrong = json.loads(json.dumps(document))
    wrong["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(SCHEMA).validate(wrong)


def test_levels_and_rules(document: dict[str, Any]) -> None:
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["not_null", "rule", "singular", "tidegate/volume", "tidegate/written"]
    assert [r["level"] for r in run["results"]] == ["error", "warning", "error", "note", "warning", "error", "warning"]
    assert all(rules[r["ruleIndex"]] == r["ruleId"] for r in run["results"])
    assert run["invocations"][0]["exitCode"] == 1


def test_every_result_has_a_place_and_a_fingerprint_of_its_own(document: dict[str, Any]) -> None:
    results = document["runs"][0]["results"]
    places = [r["locations"][0]["physicalLocation"] for r in results]
    assert [p["artifactLocation"]["uri"] for p in places][:2] == [
        "shop/tidegate.yml",
        "shop/transform/models/marts.yml",
    ]
    assert [p["region"]["startLine"] for p in places] == [4, 12, 4, 12, 4, 1, 1]
    assert places[-1]["artifactLocation"]["uri"] == "shop/tidegate.yml"
    assert len({r["partialFingerprints"]["tidegate/v1"] for r in results}) == len(results)
    assert results[0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "raw.orders.email"


def test_rows_of_data_stay_at_home(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert all(value not in text for row in SAMPLE.rows for value in row if value and len(value) > 2)


def test_paths_are_uris() -> None:
    case = made("my shop/ü")
    (result, *_) = json.loads(sarif.render(case))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20shop/%C3%BC/tidegate.yml"
