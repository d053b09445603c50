"""Runs Terraform: on a copy of the environment that keeps its state beside it, against local AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HOW_TO_GET = """\
error: Terraform is not installed
hint: install it from https://developer.hashicorp.com/terraform/install (or `brew install hashicorp/tap/terraform`), 1.10 or
      newer, so that `terraform version` works; it needs no AWS account here"""

OVERRIDE = """\
# Written for the local copy only: state beside it, and addresses that a server on loopback has.
terraform {
  backend "local" {}
}

provider "aws" {
  s3_use_path_style = true
}
"""

GAPS = {
    "module.system.module.stream.aws_kinesis_stream.readings": "moto drops the tags of CreateStream",
}
"""What a second plan still wants to change on moto, and why; on AWS it wants nothing."""

UNAVAILABLE = {"monthly_budget_usd": ("0", "moto cannot list the subscribers of a budget")}
"""Variables that are set otherwise on moto, and why."""

PLUGINS = Path("registry.terraform.io/hashicorp/aws")
SHARED = ("/opt", "/usr/share", "/usr/local/share")


class TerraformError(Exception):
    """Terraform is missing, or ended with an error; the text is what to tell."""


def find() -> str:
    """The terraform program.

    Raises:
        TerraformError: it is not installed.
    """
    program = shutil.which("terraform")
    if program is None:
        raise TerraformError(HOW_TO_GET)
    return program


def mirror() -> Path | None:
    """A folder with the AWS provider, where a machine has one; elsewhere Terraform downloads it.

    `TF_PLUGIN_MIRROR` names one; else folders one level below the usual shared places are looked at.
    """
    said = os.environ.get("TF_PLUGIN_MIRROR")
    places = (
        [Path(said)]
        if said
        else [p for shared in SHARED if Path(shared).is_dir() for p in sorted(Path(shared).iterdir())]
    )
    return next((p for p in places if (p / PLUGINS).is_dir()), None)


class Terraform:
    """One environment, copied to a folder of its own.

    Args:
        project: the project's folder.
        work: where the copy and its state go.
        environ: what is added to the environment, such as the address of local AWS.
        root: the folder of `infra` that is planned and applied.
    """

    def __init__(
        self, project: Path, work: Path, environ: Mapping[str, str], *, root: str = "environments/dev"
    ) -> None:
        self._program = find()
        self._project = project
        self._work = work
        self._folder = work / "infra" / root
        self._environ = dict(environ)

    @property
    def folder(self) -> Path:
        return self._folder

    def prepare(self) -> None:
        """Copy the environment and its modules, keep the copy's state, and let Terraform get its provider."""
        self.prepare_copy()
        self.run("init", "-input=false", "-no-color")

    def prepare_copy(self) -> None:
        """Copy `infra`; the copied environment keeps its state beside it."""
        shutil.copytree(
            self._project / "infra",
            self._work / "infra",
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns(".terraform*", "terraform.tfstate*"),
        )
        (self._folder / "local_override.tf").write_text(OVERRIDE, encoding="utf-8")

    def run(
        self,
        *words: str,
        fine: Sequence[int] = (0,),
        heard: Callable[[str], None] | None = None,
        folder: Path | None = None,
    ) -> tuple[int, str]:
        """Run one command, in the environment or in another folder; returns its exit status and what it wrote.

        Raises:
            TerraformError: the status is none that is fine; the text ends with what it wrote.
        """
        command = [self._program, f"-chdir={folder or self._folder}", *words]
        lines = []
        with subprocess.Popen(
            command,
            env=os.environ | self._settings() | self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as child:
            try:
                assert child.stdout is not None
                for line in child.stdout:
                    lines.append(line)
                    if heard is not None:
                        heard(line.rstrip())
                code = child.wait()
            except BaseException:
                child.terminate()
                raise
        text = "".join(lines)
        if code not in fine:
            raise TerraformError(f"error: `terraform {words[0]}` ended with {code}\n{text[-4000:]}")
        return code, text

    def _settings(self) -> dict[str, str]:
        """A CLI configuration of our own where a mirror is used: the user's may not exist, and needs no change."""
        found = mirror()
        said = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        if found is None:
            return said
        path = self._work / "terraform.rc"
        text = f"provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(str(found))}\n  }}\n}}\n"
        path.write_text(text, encoding="utf-8")
        return said | {"TF_CLI_CONFIG_FILE": str(path)}

    def variables(self, package: Path) -> list[str]:
        said = {"package": str(package)} | {name: value for name, (value, _) in UNAVAILABLE.items()}
        return [word for name, value in said.items() for word in ("-var", f"{name}={value}")]

    @property
    def applied(self) -> Path:
        """The plan that `apply` made and applied."""
        return self._work.resolve() / "applied.tfplan"

    def apply(self, package: Path, heard: Callable[[str], None] | None = None) -> None:
        """Plan, keep the plan, and apply it: as a deployment does."""
        self.run("plan", "-input=false", "-no-color", f"-out={self.applied}", *self.variables(package))
        self.run("apply", "-input=false", "-no-color", "-parallelism=20", str(self.applied), heard=heard)

    def destroy(self, package: Path) -> None:
        self.run("destroy", "-auto-approve", "-input=false", "-no-color", "-parallelism=20", *self.variables(package))

    def plan(self, package: Path) -> dict[str, Any]:
        """Plan, and return the plan as Terraform's JSON."""
        plan = self._work.resolve() / "plan.bin"
        self.run("plan", "-input=false", "-no-color", f"-out={plan}", *self.variables(package))
        return self.show(plan)

    def show(self, plan: Path) -> dict[str, Any]:
        """A saved plan as Terraform's JSON."""
        done = subprocess.run(
            [self._program, f"-chdir={self._folder}", "show", "-json", str(plan)],
            env=os.environ | self._settings() | self._environ,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def outputs(self) -> dict[str, object]:
        _, text = self.run("output", "-json")
        found: dict[str, dict[str, object]] = json.loads(text)
        return {name: said["value"] for name, said in found.items()}
