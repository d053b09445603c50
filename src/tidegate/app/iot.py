"""The streaming system on this machine: look that everything it needs is here, then start the project's own program."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tidegate.errors import ExecutableNotFoundError, ProjectNotFoundError

PROGRAM = Path("local") / "__main__.py"
NEEDED = ("boto3", "moto", "flask")
"""What the extra `iot` installs and the project's program imports; moto's server needs flask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How the project's program ended; `said` is what it wrote to stdout, where that was asked for."""

    status: int
    said: str | None


def up(
    start: Path, *, devices: int, rate: float, duration: str | None, faults: str, seed: int, heard: bool = False
) -> Ended:
    """Run `python -m local up` of the project at or above `start`, with this Python.

    With `heard` its stdout is returned, the account as JSON; without, it has the terminal and draws on it.

    Raises:
        ProjectNotFoundError: there is no project of the template there.
        ExecutableNotFoundError: Terraform, boto3 or moto is not installed.
    """
    folder = find(start)
    demand()
    words = ["--devices", str(devices), "--rate", f"{rate:g}", "--faults", faults, "--seed", str(seed)]
    words += ["--duration", duration] if duration is not None else []
    stdout = subprocess.PIPE if heard else None
    child = subprocess.Popen([sys.executable, "-m", "local", "up", *words], cwd=folder, stdout=stdout, text=True)
    before = signal.signal(signal.SIGTERM, lambda *_: child.send_signal(signal.SIGTERM))
    try:
        while True:
            # The terminal's Ctrl-C reaches the child too; it stops what it started, and then it ends.
            with contextlib.suppress(KeyboardInterrupt):
                said, _ = child.communicate()
                return Ended(status=child.returncode, said=said)
    finally:
        signal.signal(signal.SIGTERM, before)


def find(start: Path) -> Path:
    """The folder of the project at or above `start`.

    Raises:
        ProjectNotFoundError: there is none.
    """
    folder = start.resolve()
    for place in (folder, *folder.parents):
        if (place / PROGRAM).is_file() and (place / "infra").is_dir():
            return place
    raise ProjectNotFoundError(
        f"there is no streaming project in `{start}` or above",
        hint="write one with `tidegate init --template aws-iot --project DIR`, then pass `--project DIR`",
    )


def demand() -> None:
    """Look up what the program needs.

    Raises:
        ExecutableNotFoundError: something is missing; the hint says how to get it.
    """
    if shutil.which("terraform", path=os.environ.get("PATH")) is None:
        raise ExecutableNotFoundError(
            "Terraform is not installed",
            hint="install 1.10 or newer from https://developer.hashicorp.com/terraform/install, so that"
            " `terraform version` works; no AWS account is needed",
        )
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ExecutableNotFoundError(
            f"{' and '.join(f'`{name}`' for name in missing)} cannot be imported by `{sys.executable}`",
            hint='install the extra: pip install "tidegate[iot]"',
        )
