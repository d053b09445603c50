"""What the handler of the template `aws-iot` costs: records a CPU second, peak memory, cold import.

AWS is answered at the edge of boto3: each call is signed and serialised as ever, and nothing is sent. So the numbers are the handler's
own work with its client library, without a network.
"""

from __future__ import annotations

import argparse
import base64
import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.process import ROOT, Command, run

PROJECT = ROOT / "src" / "tidegate" / "kit" / "aws_iot" / "project"
BATCH = 500
IMPORT = "import time; t = time.process_time(); import ingest.handler; print(time.process_time() - t)"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "TABLE_NAME": "latest",
    "BUCKET_NAME": "history",
    "DEAD_LETTER_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/dead",
    "MAX_AHEAD_S": "300",
    "MAX_BEHIND_S": "604800",
    "METRIC_NAMESPACE": "iot/readings",
    "STAGE": "bench",
}


def main(argv: list[str]) -> int:
    """Print a table, a row per share of faulty devices; each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench iot")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--ticks", type=int, default=20)
    parser.add_argument("--alone", type=float, metavar="SHARE", help="one measurement in this process")
    said = parser.parse_args(argv)
    if said.alone is not None:
        print(*_measure(said.devices, said.ticks, said.alone))
        return 0
    print("| faulty devices | records | records/CPU s | peak memory |\n|---|--:|--:|--:|")
    for share in (0.0, 0.02, 0.1):
        words = ["--devices", str(said.devices), "--ticks", str(said.ticks), "--alone", str(share)]
        spent = run(Command(arguments=[sys.executable, "-m", "bench", "iot", *words]))
        records, cpu_s, peak_mib = spent.output.split()
        print(
            f"| {share * 10:.0%} | {int(records):,} | {int(records) / float(cpu_s):,.0f} | {float(peak_mib):.0f} MiB |"
        )
    print(f"\ncold import: {_import_s() * 1000:.0f} ms CPU (median of 7)")
    return 0


def _measure(devices: int, ticks: int, share: float) -> tuple[int, float, float]:
    """Records, CPU seconds of the handler alone, and peak memory of this process in MiB."""
    os.environ.update(SETTINGS)
    sys.path.insert(0, str(PROJECT))
    from ingest import handler, stores, telemetry
    from simulator.fleet import Fleet, every_fault

    telemetry.write = lambda line: None
    for service in ("dynamodb", "s3", "sqs"):
        stores.client(service).meta.events.register("before-send", _answer)
    start = datetime(2026, 9, 21, 12, tzinfo=UTC)
    fleet = Fleet(seed=1, devices=devices, faulty=every_fault(share), start=start, interval_s=10, ticks=ticks)
    records, cpu_s, number = 0, 0.0, 0
    for tick, messages in enumerate(fleet.messages()):
        for first in range(0, len(messages), BATCH):
            batch = []
            for message in messages[first : first + BATCH]:
                number += 1
                batch.append(_record(number, message.key, message.data, start.timestamp() + tick * 10))
            begun = time.process_time()
            handler.handler({"Records": batch}, None)
            cpu_s += time.process_time() - begun
            records += len(batch)
    return records, cpu_s, _peak_mib()


def _peak_mib() -> float:
    """Of this process since it became this program; `ru_maxrss` would count the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _answer(request: object, **_: object) -> object:
    """An empty answer of AWS, for every call."""
    from botocore.awsrequest import AWSResponse

    class Raw:
        def stream(self, **_: object) -> list[bytes]:
            return [b"{}" if "s3" not in request.url else b""]

    return AWSResponse(request.url, 200, {}, Raw())


def _record(number: int, key: str, data: bytes, arrived_s: float) -> dict[str, object]:
    return {
        "eventID": f"shardId-000000000000:{number}",
        "kinesis": {
            "partitionKey": key,
            "sequenceNumber": str(number),
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": arrived_s,
        },
    }


def _import_s() -> float:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = []
    for _ in range(8):
        done = subprocess.run(
            [sys.executable, "-c", IMPORT],
            cwd=Path(PROJECT),
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        found.append(float(done.stdout))
    return statistics.median(found[1:])
