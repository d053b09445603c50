"""The hooks for others, as pre-commit itself installs and runs them; it asks the package index for what they need."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.ci_project import BIN, commit, git, write
from tests.unit.doctor.sound_project import BASE

pytestmark = pytest.mark.soak
ROOT = Path(__file__).parents[2]
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: order_id, logicalType: integer}
"""


def test_pre_commit_runs_every_hook(tmp_path: Path) -> None:
    team = tmp_path / "team"
    for name, text in {**BASE, "orders.odcs.yaml": CONTRACT}.items():
        write(team, name, text)
    git(team, "init", "--quiet")
    commit(team, "Begin")
    assert hooks(team, tmp_path) == {
        "tidegate doctor": "Passed",
        "tidegate contract lint": "Passed",
        "tidegate doctor, credentials only": "Passed",
    }
    write(team, "orders.odcs.yaml", CONTRACT.replace("logicalType: integer", "logicalType: int"))
    write(team, "ingest/shop.py", f'{BASE["ingest/shop.py"]}\npassword = "Xk29vQmz71b"\n')
    git(team, "add", "--all")
    assert set(hooks(team, tmp_path).values()) == {"Failed"}


def hooks(team: Path, scratch: Path) -> dict[str, str]:
    """How each hook ended, by its name."""
    env = {**os.environ, "PRE_COMMIT_HOME": str(scratch / "home"), "PRE_COMMIT_COLOR": "never"}
    command = [str(BIN / "pre-commit"), "try-repo", str(ROOT), "--all-files"]
    done = subprocess.run(command, cwd=team, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return dict(re.findall(r"^([a-z ,]+?)\.+(Passed|Failed)$", done.stdout, re.MULTILINE))
