"""`python -m simulator --stream NAME`: send a fleet's readings, and say in the end what was sent."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3

from simulator.fleet import FAULTS, Fleet, parse_faults
from simulator.sender import Ledger, Sender

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def main() -> int:
    arguments = _parser().parse_args()
    fleet, live = _fleet(arguments)
    ledger = Ledger(arguments.ledger) if arguments.ledger else None
    sender = Sender(boto3.client("kinesis"), arguments.stream, seed=arguments.seed, ledger=ledger)
    faults: dict[str, int] = {}
    begun = told = time.monotonic()
    try:
        for tick, messages in enumerate(fleet.messages()):
            if live:
                time.sleep(max(begun + tick * fleet.interval_s - time.monotonic(), 0))
            sender.send(messages)
            for message in messages:
                faults[message.fault or "none"] = faults.get(message.fault or "none", 0) + 1
            if not arguments.quiet and time.monotonic() - told >= 1:
                told = time.monotonic()
                _say(
                    f"tick {tick + 1} of {fleet.ticks or '∞'}: {sender.sent.records} sent, {sender.sent.retried} retried"
                )
    except KeyboardInterrupt:
        pass
    sent = sender.sent
    counts = {"sent": sent.records, "calls": sent.calls, "retried": sent.retried, "lost": sent.lost, "by_fault": faults}
    sys.stdout.write(json.dumps(counts) + "\n")
    return 1 if sent.lost else 0


def _say(text: str) -> None:
    sys.stderr.write(f"simulator: {text}\n")


def _fleet(arguments: argparse.Namespace) -> tuple[Fleet, bool]:
    """The fleet, and whether it sends in real time: with a rate ticks are as far apart as the rate asks."""
    live = arguments.rate > 0
    interval_s = arguments.devices / arguments.rate if live else arguments.interval
    ticks = max(round(arguments.duration / interval_s), 1) if arguments.duration is not None else None
    if not live and ticks is None:
        raise SystemExit("error: without a rate there is no end\nhint: pass --duration")
    now = datetime.now(UTC)
    start = arguments.start or (now if live else now - timedelta(seconds=interval_s * (ticks or 0)))
    return (
        Fleet(
            seed=arguments.seed,
            devices=arguments.devices,
            faulty=arguments.faults,
            start=start,
            interval_s=interval_s,
            ticks=ticks,
        ),
        live,
    )


def seconds(text: str) -> float:
    """`90s`, `10m` or `1h` as seconds."""
    found = re.fullmatch(r"([0-9.]+)([smh])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"`{text}` is not a time such as 90s, 10m or 1h")
    return float(found[1]) * UNITS[found[2]]


def faults(text: str) -> dict[str, float]:
    try:
        return parse_faults(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    said = "; ".join(f"{name}: {what}" for name, what in FAULTS.items())
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__, epilog=f"faults: {said}")
    parser.add_argument("--stream", required=True, help="name of the Kinesis stream")
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument(
        "--rate", type=float, default=50, help="readings a second of all devices; 0: as fast as it goes"
    )
    parser.add_argument(
        "--duration", type=seconds, help="such as 10m; default: no end. With --rate 0, the span of time"
    )
    parser.add_argument("--interval", type=float, default=10, help="with --rate 0: seconds between a device's readings")
    parser.add_argument(
        "--start", type=datetime.fromisoformat, help="time of the first reading; default: that the last is now"
    )
    parser.add_argument(
        "--faults", type=faults, default="all", help="all, none, or stuck=0.02,silent=0.05 (shares of devices)"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--ledger", type=Path, help="note what the stream confirmed in this SQLite file")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


if __name__ == "__main__":
    sys.exit(main())
