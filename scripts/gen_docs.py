"""Write the reference pages that follow from the code: commands, configuration, errors, metrics and checks.

Run `make docs` after changing any of them; a guard compares the pages with what this script would write.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tidegate.checks import CHECKS, CheckKind
from tidegate.cli.commands.explain import catalogue
from tidegate.cli.parser import COMMANDS, SWITCHES, Command
from tidegate.config import json_schema
from tidegate.doctor import RULES
from tidegate.metrics import METRICS
from tidegate.model.words import Count

DOCS = Path(__file__).parent.parent / "docs"
MADE = "<!-- made by `make docs` from the code; edit the code -->\n"


def commands() -> str:
    """The command reference."""
    lines = [
        MADE,
        "# Commands\n",
        "Every command takes `--project DIR` (the folder of `tidegate.yml`, or one below it), and",
        "; ".join(f"`--{name}`: {said}" for name, said in SWITCHES.items()) + ".\n",
        "Exit status: 0 fine (a run: published) · 1 findings, or the gate closed (a run: held) · 2 could not run.",
        "stdout is data, stderr is progress and errors.\n",
    ]
    for command in COMMANDS:
        lines += _command(command, "tidegate")
    return "\n".join(lines)


def _command(command: Command, prefix: str) -> list[str]:
    name = f"{prefix} {command.name}"
    lines = [f"## `{name}`\n", command.help[0].upper() + command.help[1:] + ".\n"]
    rows = []
    for names, said in command.options:
        if names[0].startswith("-"):
            value = str(said.get("metavar") or "|".join(str(c) for c in _sequence(said.get("choices"))))
            shown = f"{names[0]} {value}".strip() if said.get("action") != "store_true" else names[0]
        else:
            shown = str(said.get("metavar", names[0]))
        needed = " (required)" if said.get("required") else ""
        rows.append(f"| `{shown}` | {said.get('help', '')}{needed} |")
    if rows:
        lines += ["| argument | |", "|---|---|", *rows, ""]
    for child in command.commands:
        lines += _command(child, name)
    return lines


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else ()


def configuration() -> str:
    """The reference of `tidegate.yml`, from its JSON Schema."""
    schema = json_schema()
    definitions = _mapping(schema["$defs"])
    lines = [
        MADE,
        "# tidegate.yml\n",
        "`tidegate init` writes it; `tidegate config check` checks it, also against dbt's targets and the published tables where these can be read; `tidegate config schema` prints its JSON Schema",
        "for your editor. An unknown key is an error, with line, column and the nearest known key.\n",
        *_part("The file", schema),
    ]
    order = [
        "WarehousePart",
        "StepPart",
        "CheckPart",
        "TablePart",
        "ProductPart",
        "SloPart",
        "ProbePart",
        "NotifyPart",
        "HoursPart",
        "MaintenancePart",
    ]
    for name in [*order, *sorted(set(definitions) - set(order))]:
        lines += _part(f"`{TITLES.get(name, name)}`", _mapping(definitions[name]))
    return "\n".join(lines)


TITLES = {
    "WarehousePart": "warehouse",
    "StepPart": "steps[]",
    "CheckPart": "checks[]",
    "TablePart": "tables.*",
    "ProductPart": "products.*",
    "SloPart": "products.*.slo",
    "NotifyPart": "notify[]",
    "HoursPart": "notify[].quiet_hours, notify[].business_hours",
    "MaintenancePart": "maintenance[]",
    "ProbePart": "products.*.probes[]",
    "GatePart": "gate",
    "RetentionPart": "retention",
    "BudgetPart": "budget",
    "OwnBudgetPart": "tables.*.budget, products.*.budget",
    "SamplesPart": "samples",
    "EnvironmentPart": "environments.*",
    "StepOverridePart": "environments.*.steps.*",
    "PromotionPart": "environments.*.promotion",
    "AcceptedValuesPart": "checks[].accepted_values",
    "BoundsPart": "checks[].row_count",
    "FreshnessPart": "checks[].freshness",
    "RelationshipsPart": "checks[].relationships",
}


def _part(title: str, schema: Mapping[str, object]) -> list[str]:
    lines = [f"## {title}\n", str(schema.get("description", "")).replace("\n", " ") + "\n"]
    lines += ["| key | type | default | |", "|---|---|---|---|"]
    required = set(_sequence(schema.get("required")))
    for key, said in _mapping(schema["properties"]).items():
        about = _mapping(said)
        default = "required" if key in required else _default(about)
        lines.append(f"| `{key}` | {_type(about)} | {default} | {about.get('description', '')} |")
    return [*lines, ""]


def _default(about: Mapping[str, object]) -> str:
    default = about.get("default")
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "" if default in (None, [], {}) or isinstance(default, Mapping) else f"`{default}`"


def _type(about: Mapping[str, object]) -> str:
    if "$ref" in about:
        name = str(about["$ref"]).rsplit("/", 1)[-1]
        return f"`{TITLES.get(name, name)}`"
    if "enum" in about:
        return " \\| ".join(f"`{v}`" for v in _sequence(about["enum"]))
    if "anyOf" in about:
        kinds = [_type(_mapping(o)) for o in _sequence(about["anyOf"])]
        return " or ".join(k for k in kinds if k != "null")
    if about.get("type") == "array":
        return f"list of {_type(_mapping(about.get('items', {})))}"
    if about.get("type") == "object":
        inner = about.get("additionalProperties")
        return f"mapping to {_type(_mapping(inner))}" if isinstance(inner, Mapping) else "mapping"
    return str(about.get("const", about.get("type", "any")))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def errors() -> str:
    """The error reference."""
    lines = [MADE, "# Errors\n", "Each error has a stable code; `tidegate explain CODE` prints the same.\n"]
    for code, kind in catalogue().items():
        text = " ".join((kind.__doc__ or "").split())
        lines += [
            f"## `{code}`\n",
            f"{text}\n",
            f"Exit status {kind.exit_status}, HTTP status {kind.http_status}. Hint: {kind.default_hint}.\n",
        ]
    return "\n".join(lines)


CHECKS_SAID = """\
The tests of dbt, dbt_utils and dbt_expectations are read from dbt's manifest and evaluated here, with dbt's verdict and number of
failures; `where`, `row_condition`, `severity`, `warn_if`, `error_if`, `fail_calc` and `limit` keep their meaning. A test that is
not in this table, or has an argument that is not known or is Jinja, goes through the SQL that dbt compiled (`compiled`), and
that is told with its reason. A test whose `warn_if` or `error_if` is more than a comparison with numbers is left to dbt, whose
verdict counts. Times are compared in UTC.

Without dbt the tests of dbt_utils and dbt_expectations may stand in `checks:` of `tidegate.yml` (and in a contract, with `engine: tidegate`):

```yaml
checks:
  - table: raw.orders
    test: dbt_expectations.expect_column_values_to_match_regex
    column: email
    arguments: {regex: "^[^@]+@[^@]+$", row_condition: "country = 'DE'"}
  - {table: raw.orders, test: dbt_utils.equal_rowcount, arguments: {compare_model: raw.payments}}
```

A test that passes and cannot fail as it is meant to is told: what is in the last column, a group that is gone since the version
before, an empty table on the other side, nothing but NULL, a condition that is unknown in every row, a table without rows. With `strict: true` that holds.
"""


def _lets_pass(kind: CheckKind) -> str:
    return "; ".join(fault.says.format(rows=Count(None)).replace("?", "some") for fault in kind.blind)


def measured() -> str:
    """The reference of metrics and checks."""
    lines = [MADE, "# Metrics and checks\n", "## Metrics\n", "| metric | unit | exact | of | what it is |"]
    lines.append("|---|---|---|---|---|")
    for name, metric in METRICS.items():
        families = ", ".join(sorted(metric.families)) or "table"
        exact = "yes" if metric.error == 0 else f"within {metric.error:.1%}"
        lines.append(f"| `{name}` | {metric.unit} | {exact} | {families} | {metric.says} |")
    lines += [
        "",
        "## Checks\n",
        CHECKS_SAID,
        "| check | what it demands | what it lets pass, as dbt does |",
        "|---|---|---|",
    ]
    lines += [f"| `{name}` | {kind.says} | {_lets_pass(kind)} |" for name, kind in CHECKS.items()]
    return "\n".join([*lines, ""])


DOCTOR_SAID = """\
`tidegate doctor` looks at a dlt and dbt project, without running it and without credentials, for what green checks hide. It needs
no `tidegate.yml`. Each finding has a stable code, a file and line, why it matters, and what to do.

```
tidegate doctor                                        # the project in this folder
tidegate doctor --fix                                  # repair what is mechanical, then look again
tidegate doctor --deep                                 # also import, build and run a copy of it; takes minutes
tidegate doctor --format sarif=doctor.sarif --format github
tidegate doctor --only docker-root --only docker-context
```

| exit status | |
|---|---|
| 0 | nothing found |
| 1 | something found, notes among it |
| 2 | could not run: no such folder, nothing in it that a rule could be about, an ignore file that cannot be read |

What could not be judged is told (`not checked: ...`) in every format and never counts as sound: `secret-*` need the extra
`pip install "tidegate[doctor]"`, which brings detect-secrets.

Git decides which files count as committed. In a folder that is in no repository those count that its `.gitignore` would let in.
The dbt rules read the YAML and SQL files of dbt 1.0 to 1.11 as they stand, and `target/` where dbt has left artifacts there. Where
Jinja decides what a model returns, the rules about its columns are silent.

## Ignoring a finding

In `.tidegate-ignore.yml`, or the file that `--ignore` names. An entry without a reason or an end takes nothing away and is
itself a finding, and so is one that has expired.

```yaml
- code: dbt-untested-model
  path: transform/models/legacy/**     # optional; a file, a folder or a pattern
  reason: replaced by the new marts in March
  until: 2027-03-31                    # through that day
```

A harmless line that looks like a credential is marked with `# pragma: allowlist secret`.

## What `--deep` does

It copies the project into a temporary folder, without `secrets.toml`, `.env` and the databases that the pipeline makes; makes a
virtual environment there and installs the requirements (which asks your package index); imports each file in it, but for those that
would load; and lets `tidegate run` load and build twice, then the models alone with `--full-refresh` under two time zones that are a
day apart. `tidegate diff` compares each pair. What is run gets an empty home folder and a handful of environment variables.

It runs only what stays in the copy: dlt and dbt steps on DuckDB files, and no credentials in the code. Any other project gets the
rules `deep-time-zone` and `deep-rerun` as not checked, with the reason. Views are built as tables in the copy. Columns whose
names say when something was loaded or built may differ.

## As a pre-commit hook

```yaml
repos:
  - repo: <the address of tidegate's repository>
    rev: <a tag of it>
    hooks:
      - id: tidegate-doctor
      - id: tidegate-contract-lint
      - id: tidegate-secrets
```

## Rules
"""


def doctor() -> str:
    """The rules of the doctor."""
    lines = [MADE, "# Doctor: what green checks hide\n", DOCTOR_SAID]
    lines += ["| code | level | finds | |", "|---|---|---|---|"]
    for code, rule in RULES.items():
        notes = [f"needs {rule.needs}"] if rule.needs else []
        notes += ["`--fix`"] if rule.mechanical else []
        lines.append(f"| [`{code}`](#{code}) | {rule.level} | {rule.says} | {', '.join(notes)} |")
    for code, rule in RULES.items():
        lines += [
            "",
            f"### `{code}`\n",
            f"{_sentence(rule.says)}\n",
            f"Why it matters: {rule.why}.\n",
            f"Fix: {rule.fix}.",
        ]
    return "\n".join([*lines, ""])


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


PAGES = {
    "doctor.md": doctor,
    "commands.md": commands,
    "configuration.md": configuration,
    "errors.md": errors,
    "metrics-and-checks.md": measured,
}


def main() -> int:
    """Write every page that changed; return 0."""
    for name, make in PAGES.items():
        path = DOCS / name
        text = make().rstrip() + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stderr.write(f"wrote docs/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
