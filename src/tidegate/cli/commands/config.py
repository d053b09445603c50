"""`tidegate config`: check the file, print its JSON Schema."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tidegate.app.compose import demand_adapters
from tidegate.app.contracts import with_contracts
from tidegate.cli.output import Output
from tidegate.config import find_project, json_schema, load


def check(arguments: argparse.Namespace, output: Output) -> int:
    """Check tidegate.yml and say what it means."""
    settings = with_contracts(load(find_project(Path(arguments.project))))
    demand_adapters(settings)
    if output.json:
        output.document("settings", settings)
        return 0
    output.line(f"{settings.root}/tidegate.yml is right")
    output.line(f"  warehouse  {settings.warehouse.type} {settings.warehouse.path} ({settings.warehouse.database})")
    for step in settings.steps:
        output.line(f"  step       {step.name}: {step.kind} {step.target}")
    output.line(f"  checks     {len(settings.checks)} declared here, besides those in dbt")
    if settings.contracts:
        output.line(f"  contracts  {', '.join(contract.file for contract in settings.contracts)}")
    return 0


def schema(arguments: argparse.Namespace, output: Output) -> int:
    """Print the JSON Schema; the document is the schema itself, for editors."""
    del arguments
    output.line(json.dumps(json_schema(), indent=2))
    return 0
