"""Local AWS with the project's Terraform applied to it, and the processes that make it move."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import boto3

from local.terraform import Terraform, TerraformError

PROJECT = Path(__file__).absolute().parent.parent
REGION = "eu-central-1"
WAIT_S = 60
RUNNING = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")
SERVICES = "cloudwatch, dynamodb, events, kinesis, kms, lambda, s3, sns, sqs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A running system: where local AWS is, and what Terraform called its parts. Files are in `work`."""

    work: Path
    endpoint: str
    system: Mapping[str, Any]

    @property
    def package(self) -> Path:
        return self.work / "ingest.zip"

    @property
    def ledger(self) -> Path:
        return self.work / "sent.db"

    @property
    def metrics(self) -> Path:
        return self.work / "metrics.db"

    @property
    def checkpoints(self) -> Path:
        return self.work / "checkpoints.db"

    def environ(self) -> dict[str, str]:
        return environ(self.endpoint)

    def client(self, service: str) -> Any:
        """A boto3 client of local AWS; nothing of the user's own configuration is read."""
        return client(service, self.endpoint)

    def save(self) -> None:
        said = {"endpoint": self.endpoint, "system": self.system}
        (self.work / "stack.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, work: Path) -> Stack:
        """The stack that runs in `work`.

        Raises:
            SystemExit: none runs there.
        """
        try:
            said = json.loads((work / "stack.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SystemExit(f"error: no local stack runs in `{work}`\nhint: start one with `make local`") from None
        return cls(work=work, endpoint=said["endpoint"], system=said["system"])


def environ(endpoint: str) -> dict[str, str]:
    """What points every AWS client, Terraform's too, at local AWS; the credentials are made up."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="local", aws_secret_access_key="local"
    )


@contextmanager
def moto(work: Path) -> Iterator[str]:
    """Local AWS on a free port of loopback; its address. It keeps everything in memory and is gone afterwards."""
    with (work / "moto.log").open("w", encoding="utf-8") as log:
        server = start([sys.executable, "-m", "local.aws"], log=log)
        try:
            yield _address(server, Path(log.name))
        finally:
            stop(server)


def start(command: list[str], *, log: IO[str], **environment: str) -> subprocess.Popen[bytes]:
    """Start a process that Ctrl-C in the terminal does not reach: it is stopped in its turn."""
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes], *, patience_s: float = 10) -> int:
    """Ask a process to end, and end it when it does not."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Where the server answers: it takes a free port itself, so that nobody else can come between, and logs it."""
    for _ in range(WAIT_S * 10):
        if found := RUNNING.search(log.read_text(encoding="utf-8")):
            return found[1]
        if server.poll() is not None:
            raise RuntimeError(f"moto ended with {server.returncode}; see {log}")
        time.sleep(0.1)
    raise RuntimeError(f"moto did not answer within {WAIT_S} s; see {log}")


@contextmanager
def up(work: Path, say: Any) -> Iterator[tuple[Stack, Terraform]]:
    """Start local AWS, build the package, apply the development environment.

    Args:
        say: told what happens, a line each.

    Raises:
        TerraformError: Terraform is missing or failed; the text ends with what local AWS logged.
    """
    from tools.package import build

    work.mkdir(parents=True, exist_ok=True)
    for old in [*work.glob("*.db*"), *work.glob("stack.json")]:
        old.unlink()
    package = work / "ingest.zip"
    build(package)
    with moto(work) as endpoint:
        say(f"local AWS (moto) answers at {endpoint}")
        terraform = Terraform(PROJECT, work / "terraform", environ(endpoint))
        for state in terraform.folder.glob("terraform.tfstate*"):
            state.unlink()
        terraform.prepare()
        say("terraform apply (about a minute: it waits for what AWS takes long for)")
        try:
            terraform.apply(package, heard=lambda line: say(line) if "Creation complete" in line else None)
        except TerraformError as error:
            raise TerraformError(f"{error}\nlocal AWS said:\n{(work / 'moto.log').read_text()[-4000:]}") from None
        stack = Stack(work=work, endpoint=endpoint, system=terraform.outputs()["system"])  # type: ignore[arg-type]  # JSON
        stack.save()
        try:
            yield stack, terraform
        finally:
            (work / "stack.json").unlink(missing_ok=True)
