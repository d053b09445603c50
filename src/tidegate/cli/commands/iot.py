"""`tidegate iot`: the streaming system on this machine."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tidegate.app import iot
from tidegate.cli.options import seconds
from tidegate.cli.output import Output
from tidegate.errors import UsageError


def up(arguments: argparse.Namespace, output: Output) -> int:
    """Exit 1 when the account is not exact; the project's own program draws, and prints the account as JSON."""
    if arguments.devices < 1 or arguments.rate < 0:
        raise UsageError(
            "there are no fewer devices than 1 and no rate below 0", hint="correct `--devices` or `--rate`"
        )
    if arguments.duration is not None:
        seconds(arguments.duration)
    elif arguments.rate == 0:
        raise UsageError("without a rate there is no end", hint="add `--duration 10m`, the span of time to simulate")
    output.aside("local AWS, Terraform, poller and simulator start in the project's folder; Ctrl-C ends them all")
    ended = iot.up(
        Path(arguments.project),
        devices=arguments.devices,
        rate=arguments.rate,
        duration=arguments.duration,
        faults=arguments.faults,
        seed=arguments.seed,
        heard=output.json,
    )
    if ended.said:
        output.document("account", json.loads(ended.said))
    return ended.status
