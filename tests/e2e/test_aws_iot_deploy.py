"""The template in a fresh account: bootstrap, remote state and its lock, and the shell of every step of its workflows, on moto."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from local.stack import client, environ, moto
from local.terraform import Terraform
from tests.iot import PROJECT, calls

pytestmark = [pytest.mark.slow, pytest.mark.soak]
BUCKET = "iot-bootstrap-state-123456789012"
STATE = "iot/dev/terraform.tfstate"

ON_LOOPBACK = """
terraform {
  backend "%s" {%s}
}

provider "aws" {
  s3_use_path_style = true
}
"""
"""What addresses on loopback need; nothing else of the project is changed."""

S3 = "\n    use_lockfile   = true\n    encrypt        = true\n    use_path_style = true\n  "
GH = '#!/bin/sh\nprintf "%s\\n" "$*" >> "$GH_SAID"\nfor word in "$@"; do case "$word" in *.md) cat "${word#body=@}" >> "$GH_SAID";; esac; done\n'
BUDGET = {"TF_VAR_monthly_budget_usd": "0"}
"""moto cannot list the subscribers of a budget."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A fresh project beside a fresh (local) AWS, and what `gh` was told."""

    project: Path
    endpoint: str
    environ: Mapping[str, str]
    said: Path

    def shell(self, text: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a step as GitHub does: `bash -eo pipefail`, in the repository."""
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
            cwd=self.project,
            env=os.environ | self.environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    if shutil.which("terraform") is None:
        pytest.skip("Terraform is not installed: the deployment of the template aws-iot is not tested here")
    work = tmp_path_factory.mktemp("account")
    project, bin_ = work / "project", work / "bin"
    tidegate = Path(sys.executable).parent / "tidegate"
    subprocess.run([str(tidegate), "init", "--template", "aws-iot", "--project", str(project), "--quiet"], check=True)
    bin_.mkdir()
    (bin_ / "gh").write_text(GH, encoding="utf-8")
    (bin_ / "gh").chmod(stat.S_IRWXU)
    (bin_ / "python").symlink_to(sys.executable)
    with moto(work) as endpoint:
        settings = Terraform(project, work, {})._settings()
        yield Account(
            project=project,
            endpoint=endpoint,
            environ=environ(endpoint)
            | settings
            | BUDGET
            | {
                "PATH": f"{bin_}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHON": sys.executable,
                "GH_SAID": str(work / "gh.txt"),
                "GITHUB_REPOSITORY": "example/temperatures",
                "GITHUB_SERVER_URL": "https://github.com",
                "GITHUB_RUN_ID": "7",
                "GITHUB_STEP_SUMMARY": str(work / "summary.md"),
                "NUMBER": "12",
                "STAGE": "dev",
                "TF_VAR_bounded": "true",
            },
            said=work / "gh.txt",
        )


def step(workflow: str, job: str, name: str) -> str:
    """The shell of one step of a workflow of the template."""
    said = YAML(typ="safe").load((PROJECT / "dot_github" / "workflows" / workflow).read_text(encoding="utf-8"))
    (found,) = [s["run"] for s in said["jobs"][job]["steps"] if s.get("name") == name]
    return str(found)


def on_loopback(folder: Path, backend: str) -> None:
    (folder / "local_override.tf").write_text(ON_LOOPBACK % (backend, S3 if backend == "s3" else ""), encoding="utf-8")


@pytest.fixture(scope="module")
def bootstrapped(account: Account) -> Account:
    """`make bootstrap` in an empty account, its own state moved into the bucket that it made, as the README says."""
    folder = account.project / "infra" / "bootstrap"
    on_loopback(folder, "local")
    made = account.shell("make bootstrap REPOSITORY=example/temperatures")
    assert made.returncode == 0, made.stdout + made.stderr
    assert " 0 findings" in made.stdout
    said = json.loads(account.shell("terraform -chdir=infra/bootstrap output -json").stdout)
    assert said["backend"]["value"] == {"bucket": BUCKET, "region": "eu-central-1"}
    on_loopback(folder, "s3")
    moved = account.shell(
        "terraform -chdir=infra/bootstrap init -input=false -migrate-state -force-copy"
        f" -backend-config=bucket={BUCKET} -backend-config=region=eu-central-1 -backend-config=key=iot/bootstrap/terraform.tfstate"
    )
    assert moved.returncode == 0, moved.stderr
    again = account.shell(
        "terraform -chdir=infra/bootstrap plan -input=false -detailed-exitcode -var repository=example/temperatures"
    )
    assert again.returncode == 0, again.stdout
    environment = account.project / "infra" / "environments" / "dev"
    on_loopback(environment, "s3")
    path = environment / "backend.hcl"
    path.write_text(path.read_text(encoding="utf-8").replace("CHANGE-ME-terraform-state", BUCKET), encoding="utf-8")
    return account


def test_from_an_empty_account_to_drift_by_the_shell_of_the_workflows(bootstrapped: Account, tmp_path: Path) -> None:
    account = bootstrapped
    s3 = client("s3", account.endpoint)

    planned = account.shell(step("stage.yml", "plan", "plan, and check the policy"))
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert " 0 findings" in planned.stdout
    shown = account.shell(step("stage.yml", "plan", "show what will be approved"))
    assert shown.returncode == 0, shown.stderr
    assert "### Plan for dev:" in Path(account.environ["GITHUB_STEP_SUMMARY"]).read_text(encoding="utf-8")

    commented = account.shell(step("ci.yml", "plan", "comment"))
    assert commented.returncode == 0, commented.stderr
    told = account.said.read_text(encoding="utf-8")
    assert "pr comment 12 --body-file comment.md" in told
    assert "<!-- plan:dev -->" in told
    assert "Policy: nothing found" in told

    log = tmp_path / "apply.log"
    applied = account.shell(step("stage.yml", "apply", "apply the plan that was approved"), **logged(log))
    assert applied.returncode == 0, applied.stdout[-3000:] + applied.stderr
    demand_allowed(account, log, "iot-bootstrap-apply-dev")
    role = client("iam", account.endpoint).get_role(RoleName="iot-dev-ingest")["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].endswith("policy/iot-bootstrap-boundary-dev")
    assert s3.head_object(Bucket=BUCKET, Key=STATE)["VersionId"]

    # moto drops the tags of CreateStream: a second plan sets them, a third wants nothing
    assert account.shell("make plan apply").returncode == 0
    log = tmp_path / "plan.log"
    calm = account.shell(step("drift.yml", "drift", "look"), **logged(log))
    assert calm.returncode == 0, calm.stdout + calm.stderr
    demand_allowed(account, log, "iot-bootstrap-plan")
    assert "dev is what the code says" in calm.stdout

    client("cloudwatch", account.endpoint).delete_alarms(AlarmNames=["iot-dev-dead-letters"])
    drifted = account.shell(step("drift.yml", "drift", "look"))
    assert drifted.returncode == 1, drifted.stdout
    assert 'create `module.system.module.alarms.aws_cloudwatch_metric_alarm.this["dead-letters"]`' in drifted.stdout
    opened = account.shell(step("drift.yml", "drift", "tell"))
    assert opened.returncode == 0, opened.stderr
    told = account.said.read_text(encoding="utf-8")
    assert "issue create --repo example/temperatures --title Drift in dev --body-file issue.md" in told
    assert "dead-letters" in told

    blind = account.shell(
        step("drift.yml", "drift", "look"), AWS_ENDPOINT_URL_STS="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1"
    )
    assert blind.returncode != 0
    assert "is what the code says" not in blind.stdout


def test_a_state_that_somebody_holds_is_not_written(bootstrapped: Account) -> None:
    s3 = client("s3", bootstrapped.endpoint)
    held = {"ID": "11111111-2222-3333-4444-555555555555", "Operation": "OperationTypeApply", "Who": "somebody@else"}
    s3.put_object(Bucket=BUCKET, Key=f"{STATE}.tflock", Body=json.dumps(held).encode())
    try:
        refused = bootstrapped.shell("make plan")
        assert refused.returncode != 0
        assert "Error acquiring the state lock" in refused.stderr
        assert "somebody@else" in refused.stderr
    finally:
        s3.delete_object(Bucket=BUCKET, Key=f"{STATE}.tflock")
    assert bootstrapped.shell("make plan").returncode == 0


def logged(path: Path) -> dict[str, str]:
    return {"TF_LOG_PROVIDER": "DEBUG", "TF_LOG_PATH": str(path)}


def demand_allowed(account: Account, log: Path, role: str) -> None:
    """Every call that Terraform made is an action that the role's policies list: moto refuses nothing, AWS would."""
    iam = client("iam", account.endpoint)
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    allowed = {action for d in documents for said in d["Statement"] for action in _list(said["Action"])}
    made = calls(log)
    assert len(made) > 30
    assert made - allowed == set()


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_no_step_is_left_out() -> None:
    """A step of the workflows whose shell is not run here is one that the project's own tests run, or is named."""
    elsewhere = re.compile(r"pip install|ruff|mypy|terraform fmt|make (validate|test|test-infra|local)\b|checkov")
    named = set(re.findall(r'step\("[a-z]+\.yml", "[a-z]+", "([^"]+)"\)', Path(__file__).read_text(encoding="utf-8")))
    left = []
    for path in sorted((PROJECT / "dot_github" / "workflows").glob("*.yml")):
        jobs = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["jobs"]
        steps = [s for job in jobs.values() for s in job.get("steps", []) if "run" in s]
        left += [s["run"] for s in steps if s.get("name") not in named and not elsewhere.search(s["run"])]
    assert left == []
