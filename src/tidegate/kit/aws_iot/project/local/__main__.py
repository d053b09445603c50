"""`python -m local up`: the whole system on this machine, with a live view and an exact account in the end."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local import view
from local.stack import PROJECT, Stack, start, stop, up
from local.terraform import GAPS, UNAVAILABLE, TerraformError, find
from tools.reconcile import Account, reconcile

WORK = PROJECT / ".local"
IDLE_S = 1.5
PATIENCE_S = 60
"""How long `account` waits for what was just sent, while the system runs."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK, help="where state, logs and ledgers go")
    below = parser.add_subparsers(dest="command", required=True)
    run = below.add_parser("up", help="start everything; Ctrl-C ends it")
    run.add_argument("--devices", type=int, default=50)
    run.add_argument("--rate", type=float, default=50, help="readings a second; 0: as fast as it goes")
    run.add_argument("--duration", help="such as 2m; default: until Ctrl-C")
    run.add_argument("--faults", default="all", help="all, none, or stuck=0.02,silent=0.05 (shares of devices)")
    run.add_argument("--seed", type=int, default=7)
    deliver = below.add_parser("poll", help="only the poller, for a stack that runs")
    deliver.add_argument("--until-idle", type=float, metavar="S", help="end when nothing came for so long")
    below.add_parser("account", help="account for every record of a stack that runs")
    below.add_parser("env", help="print the variables that point AWS clients at a stack that runs")
    said = parser.parse_args()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # A terminal that is closed must not leave moto and the poller behind.
        signal.signal(ending, _interrupt)
    try:
        return int(COMMANDS[said.command](said))
    except TerraformError as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        return 130


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _up(said: argparse.Namespace) -> int:
    find()
    for name, (value, why) in UNAVAILABLE.items():
        _say(f"left out here: {name} = {value}, because {why}")
    for address, why in GAPS.items():
        _say(f"known gap: {address.rpartition('.')[2]}: {why}")
    with up(said.work, _say) as (stack, _):
        processes = _start(stack, said)
        try:
            _show(stack, processes)
        except KeyboardInterrupt:
            _say("stopping: the simulator first, then what is in the stream is handled")
        finally:
            stop(processes["simulator"])
            stop(processes["poller"])
        finish(stack)
        found = accounted(stack)
        sys.stdout.write(json.dumps(found.counts(), indent=2) + "\n")
        return 0 if found.exact else 1


def _start(stack: Stack, said: argparse.Namespace) -> dict[str, subprocess.Popen[bytes]]:
    simulate = [
        *(sys.executable, "-m", "simulator", "--stream", stack.system["stream"], "--ledger", str(stack.ledger)),
        *("--devices", str(said.devices), "--rate", str(said.rate), "--faults", said.faults, "--seed", str(said.seed)),
        *(("--duration", said.duration) if said.duration else ()),
    ]
    poll = [sys.executable, "-m", "local", "--work", str(stack.work), "poll"]
    started = {}
    for name, command in (("simulator", simulate), ("poller", poll)):
        log = (stack.work / f"{name}.log").open("w", encoding="utf-8")
        started[name] = start(command, log=log, **stack.environ())
        log.close()
    return started


def _show(stack: Stack, processes: dict[str, subprocess.Popen[bytes]]) -> None:
    """Draw until the simulator has ended.

    Raises:
        SystemExit: the poller or the simulator failed; its log says why.
    """
    watcher = view.Watcher(stack)
    told = 0.0
    with contextlib.closing(watcher), contextlib.ExitStack() as held:
        screen = held.enter_context(view.Screen()) if sys.stdout.isatty() else None
        while processes["simulator"].poll() is None:
            if processes["poller"].poll() is not None:
                raise SystemExit(f"error: the poller ended; see {stack.work / 'poller.log'}")
            picture = watcher.picture()
            if screen is not None:
                screen.draw(picture)
            elif time.monotonic() - told > 5:
                told = time.monotonic()
                _say(view.short(picture))
            time.sleep(1)
    if processes["simulator"].returncode != 0:
        raise SystemExit(f"error: the simulator ended with an error; see {stack.work / 'simulator.log'}")


def finish(stack: Stack) -> None:
    """Handle what is left in the stream."""
    command = [sys.executable, "-m", "local", "--work", str(stack.work), "poll", "--until-idle", str(IDLE_S)]
    with (stack.work / "poller.log").open("a", encoding="utf-8") as log:
        process = start(command, log=log, **stack.environ())
        try:
            code = process.wait()
        finally:
            stop(process)
    if code:
        raise SystemExit(f"error: the poller ended with {code}; see {stack.work / 'poller.log'}")


def accounted(stack: Stack, *, patience_s: float = 0) -> Account:
    return reconcile(
        s3=stack.client("s3"),
        sqs=stack.client("sqs"),
        kinesis=stack.client("kinesis"),
        bucket=stack.system["bucket"],
        queue_url=stack.system["dead_letter_url"],
        stream=stack.system["stream"],
        ledger=stack.ledger if stack.ledger.exists() else None,
        patience_s=patience_s,
    )


def _poll(said: argparse.Namespace) -> int:
    from local.poll import poll

    stack = Stack.load(said.work)
    os.environ.update(stack.environ())
    return poll(stack, until_idle_s=said.until_idle)


def _account(said: argparse.Namespace) -> int:
    found = accounted(Stack.load(said.work), patience_s=PATIENCE_S)
    sys.stdout.write(json.dumps(found.counts(), indent=2) + "\n")
    return 0 if found.exact else 1


def _env(said: argparse.Namespace) -> int:
    stack = Stack.load(said.work)
    names = {
        "STREAM_NAME": stack.system["stream"],
        "TABLE_NAME": stack.system["table"],
        "BUCKET_NAME": stack.system["bucket"],
        "DEAD_LETTER_URL": stack.system["dead_letter_url"],
        "SENT_LEDGER": str(stack.ledger.resolve()),
    }
    ingest = stack.client("lambda").get_function_configuration(FunctionName=stack.system["functions"]["ingest"])
    names |= ingest["Environment"]["Variables"]  # so that a replay judges as the deployed function does
    for name, value in (stack.environ() | names).items():
        sys.stdout.write(f"export {name}='{value}'\n")
    return 0


COMMANDS = {"up": _up, "poll": _poll, "account": _account, "env": _env}


if __name__ == "__main__":
    sys.exit(main())
