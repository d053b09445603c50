"""The Terraform of the template `aws-iot` as plans: its own tests, what is valid, and what the policy says of each way to break it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.stack import environ, moto
from local.terraform import Terraform
from tests.iot import PROJECT
from tests.iot_mutations import MUTATIONS, mutate
from tools.package import build
from tools.policy import RULES, Plan, check

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("terraform") is None,
        reason="Terraform is not installed: the infrastructure of the template aws-iot is not tested here",
    ),
]
ROOTS = {"system": "environments/dev", "bootstrap": "bootstrap"}


@dataclass(frozen=True, kw_only=True)
class Account:
    """Local AWS with nothing in it, and the package to plan with."""

    endpoint: str
    package: Path


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    work = tmp_path_factory.mktemp("plans")
    build(work / "ingest.zip")
    with moto(work) as endpoint:
        yield Account(endpoint=endpoint, package=work / "ingest.zip")


@pytest.mark.parametrize("part", ROOTS)
def test_every_mutation_is_caught(account, part: str, tmp_path: Path) -> None:
    """One plan with every mutation of a part at once: each must be told by the rule that it breaks, where it breaks it."""
    mine = [m for m in MUTATIONS if m.part == part]
    shutil.copytree(PROJECT / "infra", tmp_path / "project" / "infra")
    for mutation in mine:
        mutate(tmp_path / "project", mutation)
    found = {(f.rule, f.address) for f in plan_of(tmp_path / "project", account, tmp_path / "bad", part)}
    missed = [m.name for m in mine if not any(rule == m.rule and m.where in address for rule, address in found)]
    assert missed == []
    assert len(MUTATIONS) >= 15
    assert {m.rule for m in MUTATIONS} == set(RULES) - {"production"}  # needs the stage prod: see the unit test


def plan_of(project: Path, account: Account, work: Path, part: str) -> list[Any]:
    """What the policy says of a first plan; only STS is asked, nothing is there to refresh."""
    work.mkdir()
    terraform = Terraform(project, work, environ(account.endpoint), root=ROOTS[part])
    terraform.prepare()
    words = terraform.variables(account.package) if part == "system" else ["-var", "repository=example/temperatures"]
    terraform.run("plan", "-input=false", "-no-color", f"-out={work / 'plan.bin'}", *words)
    return check(Plan.read(terraform.show(work / "plan.bin")), part)


@pytest.mark.parametrize("folder", sorted(str(p.parent.relative_to(PROJECT)) for p in PROJECT.glob("infra/**/tests")))
def test_terraform_test_is_green(folder: str, tmp_path: Path) -> None:
    terraform = Terraform(PROJECT, tmp_path, {})
    terraform.prepare_copy()
    terraform.run("init", "-input=false", "-no-color", folder=tmp_path / folder)
    _, text = terraform.run("test", "-no-color", folder=tmp_path / folder)
    assert "Success!" in text
    assert " 0 failed" in text


def test_production_is_valid_and_everything_is_formatted(tmp_path: Path) -> None:
    terraform = Terraform(PROJECT, tmp_path, {}, root="environments/prod")
    terraform.prepare()
    terraform.run("validate", "-no-color")
    terraform.run("fmt", "-check", "-recursive", folder=PROJECT / "infra")


@pytest.mark.soak
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_each_mutation_alone_is_caught_and_nothing_else(account, mutation, tmp_path) -> None:
    shutil.copytree(PROJECT / "infra", tmp_path / "project" / "infra")
    mutate(tmp_path / "project", mutation)
    found = plan_of(tmp_path / "project", account, tmp_path / "bad", mutation.part)
    assert any(f.rule == mutation.rule and mutation.where in f.address for f in found)
    assert {f.rule for f in found} == {mutation.rule}
