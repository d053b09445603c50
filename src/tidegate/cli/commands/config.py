"""`tidegate config`: check the file, list its values with where they come from, print its JSON Schema."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tidegate.app.compose import demand_adapters, demand_readable
from tidegate.app.contracts import with_contracts
from tidegate.app.fit import demand_tables, demand_targets_of_dbt
from tidegate.cli.output import Output
from tidegate.cli.progress import StderrProgress
from tidegate.config import environments, find_project, json_schema, laid_out, load


def check(arguments: argparse.Namespace, output: Output) -> int:
    """Check tidegate.yml and say what it means."""
    folder = find_project(Path(arguments.project))
    settings = with_contracts(load(folder))
    demand_adapters(settings)
    demand_readable(settings)
    unseen = [*demand_targets_of_dbt(settings), *demand_tables(settings, StderrProgress(quiet=True))]
    for other in settings.environments:
        theirs = load(folder, other)
        demand_adapters(theirs)
        unseen += [line for line in demand_targets_of_dbt(theirs) if line not in unseen]
    if output.json:
        output.document("settings", settings)
        return 0
    output.line(f"{settings.root}/tidegate.yml is right")
    if settings.environments:
        others = ", ".join(settings.environments)
        output.line(
            f"  environment {settings.environment or 'none chosen'} of {others}: `tidegate config values` has the rest"
        )
    output.line(f"  warehouse  {settings.warehouse.type} {settings.warehouse.path} ({settings.warehouse.database})")
    for step in settings.steps:
        output.line(f"  step       {step.name}: {step.kind} {step.target}")
    output.line(f"  checks     {len(settings.checks)} declared here, besides those in dbt")
    if settings.contracts:
        output.line(f"  contracts  {', '.join(contract.file for contract in settings.contracts)}")
    for line in unseen:
        output.line(f"  unclear    {line}")
    return 0


def values(arguments: argparse.Namespace, output: Output) -> int:
    """List every value that is in force, and where it comes from."""
    said = laid_out(find_project(Path(arguments.project)))
    found, by = environments.values(said), environments.chosen()[1]
    if output.json:
        output.document("values", {"environment": said.environment, "chosen_by": by, "values": found})
        return 0
    output.line(f"environment  {said.environment} (by {by})" if said.environment else "environment  none is chosen")
    for value in found:
        shown = value.value if isinstance(value.value, str) else json.dumps(value.value, ensure_ascii=False)
        place = f"{value.source} {value.place}" if value.place else value.source
        output.line(f"  {value.key} = {shown}   [{place}]")
    return 0


def schema(arguments: argparse.Namespace, output: Output) -> int:
    """Print the JSON Schema; the document is the schema itself, for editors."""
    del arguments
    output.line(json.dumps(json_schema(), indent=2))
    return 0
