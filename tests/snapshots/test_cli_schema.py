"""The JSON Schema of `tidegate.yml`, and that it and the loader agree; `UPDATE_SNAPSHOTS=1` writes the schema again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.unit.config.test_load import GOOD
from tidegate.app.init import OPTIONAL
from tidegate.config import FILE_NAME, json_schema, load
from tidegate.errors import ConfigError

ROOT = Path(__file__).parents[2]
STORED = Path(__file__).parent / "tidegate.schema.json"
FENCED = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)

REFUSED = {
    "an unknown key": "version: 1\nstepz: []",
    "an unknown key below": "version: 1\nbudget: {false_alarms: 2}",
    "no version": "steps: []",
    "another version": "version: 2",
    "a word for a number": "version: 1\nretention: {versions: many}",
    "too few versions": "version: 1\nretention: {versions: 0}",
    "a tier that does not exist": "version: 1\nproducts: {a: {tables: [a.b], tier: 5}}",
    "a product without tables": "version: 1\nproducts: {a: {tables: []}}",
    "a step without a name": "version: 1\nsteps: [{run: a}]",
    "a name with a space": 'version: 1\nsteps: [{name: "a b", run: a}]',
    "a timeout that is no duration": "version: 1\nsteps: [{name: a, run: a, timeout: soon}]",
    "an age that is no duration": "version: 1\nchecks: [{table: a.b, freshness: {column: c, max_age: 5}}]",
    "no false alarm at all": "version: 1\nbudget: {false_alarms_per_month: 0}",
    "a severity that does not exist": "version: 1\nchecks: [{table: a.b, not_null: c, severity: bad}]",
    "learned what": "version: 1\nlearned: maybe",
    "steps that are no list": "version: 1\nsteps: {name: a, run: b}",
    "values that are no list": "version: 1\nchecks: [{table: a.b, accepted_values: {column: c, values: d}}]",
}
"""What both refuse."""


def test_the_schema_is_stored() -> None:
    shown = json.dumps(json_schema(), indent=2) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        STORED.write_text(shown, encoding="utf-8")
    assert shown == STORED.read_text(encoding="utf-8")


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def examples() -> Iterator[tuple[str, str]]:
    """Every whole `tidegate.yml` of the documentation, of `tidegate demo`, and what `tidegate init` offers as comments."""
    yield "tests", GOOD
    yield "init", "version: 1\n" + re.sub(r"^# ?", "", OPTIONAL, flags=re.MULTILINE)
    for path in sorted((ROOT / "src").rglob(FILE_NAME)):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        found = FENCED.findall(path.read_text(encoding="utf-8"))
        whole = [text for text in found if re.search(r"^version:", text, re.MULTILINE)]
        yield from ((f"{path.relative_to(ROOT)} {n}", text) for n, text in enumerate(whole, 1))


EXAMPLES = dict(examples())


def parsed(text: str) -> object:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text)))


def make_what_it_names(folder: Path, tree: object) -> None:
    """The steps and the database of an example exist, so that only its shape is judged."""
    assert isinstance(tree, Mapping)
    named = [step.get(kind) for step in tree.get("steps", ()) for kind in ("dlt", "dbt")]
    runbooks = [product.get("runbook") for product in tree.get("products", {}).values()]
    for name in [*named, *runbooks, tree.get("warehouse", {}).get("adopt")]:
        if name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_right_for_both(name: str, tmp_path: Path) -> None:
    tree = parsed(EXAMPLES[name])
    jsonschema.validate(tree, json_schema(), cls=jsonschema.Draft202012Validator)
    make_what_it_names(tmp_path, tree)
    (tmp_path / FILE_NAME).write_text(EXAMPLES[name], encoding="utf-8")
    load(tmp_path)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_wrong_for_both(name: str, tmp_path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(parsed(REFUSED[name]), json_schema(), cls=jsonschema.Draft202012Validator)
    (tmp_path / FILE_NAME).write_text(REFUSED[name], encoding="utf-8")
    with pytest.raises(ConfigError):
        load(tmp_path)
