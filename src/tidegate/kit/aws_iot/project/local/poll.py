"""The poller as a process: `python -m local poll`."""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from typing import Any

from local.function import load
from local.metrics import MetricStore
from local.poller import Checkpoints, EventSource, Poller
from local.stack import Stack

RATE = re.compile(r"rate\((\d+) (minute|hour)s?\)")


def poll(stack: Stack, *, until_idle_s: float | None) -> int:
    """Deliver until told to stop, or until nothing came for that long."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    store = MetricStore(stack.metrics)
    functions = load(stack.client("lambda"), dict(stack.system["functions"]), stack.package, stack.work, store.hear)
    said = stack.client("lambda").get_event_source_mapping(UUID=stack.system["mapping_id"])
    source = EventSource.read(said, stack.system["dead_letter_url"])
    checkpoints = Checkpoints(stack.checkpoints, lanes=source.lanes)
    watch = threading.Thread(target=_watch, args=(stack, functions["watch"], store, stop), daemon=True)
    watch.start()
    try:
        Poller(
            source,
            functions["ingest"],
            checkpoints,
            kinesis=stack.client("kinesis"),
            sqs=stack.client("sqs"),
            meter=store.put,
        ).run(until_idle_s=until_idle_s, stop=stop)
    finally:
        stop.set()
        checkpoints.close()
    return 0


def _watch(stack: Stack, function: Any, store: MetricStore, stop: threading.Event) -> None:
    """What EventBridge does: call the function every few minutes, as its rule says."""
    name = stack.system["functions"]["watch"]
    rule = next(r for r in stack.client("events").list_rules()["Rules"] if r["Name"] == name)
    found = RATE.fullmatch(rule["ScheduleExpression"])
    every_s = int(found[1]) * (60 if found[2] == "minute" else 3600) if found else 300
    while not stop.is_set():
        begun = time.perf_counter()
        try:
            function({}, None)
            errors = 0
        except Exception as error:
            errors = 1
            sys.stdout.write(f"watch failed: {type(error).__name__}: {error}\n")
        store.put("AWS/Lambda", "Errors", {"FunctionName": name}, errors)
        store.put("AWS/Lambda", "Duration", {"FunctionName": name}, (time.perf_counter() - begun) * 1000)
        stop.wait(every_s)
