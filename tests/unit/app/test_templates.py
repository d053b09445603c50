"""Templates: what `init --template` writes and `iot up` starts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.iot import PROJECT
from tidegate.app import iot
from tidegate.app.templates import TEMPLATES, write
from tidegate.cli import main
from tidegate.config import load
from tidegate.errors import ConfigError, ExecutableNotFoundError, ProjectNotFoundError
from tidegate.kit.source import copy_project

AWS_IOT = "aws-iot"


@pytest.mark.parametrize("package", ["tidegate.kit.shop", "tidegate.kit.flights", "tidegate.kit.aws_iot"])
def test_git_leaves_versions_state_and_secrets_of_every_template_alone(tmp_path: Path, package: str) -> None:
    copy_project(package, tmp_path / "project")
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "project")], check=True)
    made = ["warehouse/live", ".tidegate/state.db", ".env"]
    said = subprocess.run(
        ["git", "check-ignore", *made], cwd=tmp_path / "project", capture_output=True, text=True, check=False
    )
    assert said.stdout.split() == made


def test_every_file_is_written_and_dotfiles_have_their_dots(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "project"
    done = write(AWS_IOT, folder, force=False)
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == set(done.files)
    for name in (".gitignore", ".pre-commit-config.yaml", ".github/workflows/ci.yml", "README.md", "ingest/handler.py"):
        assert name in done.files
    assert not [name for name in done.files if "dot_" in name or "__pycache__" in name or "/build/" in name]
    assert (folder / "ingest/handler.py").read_bytes() == (PROJECT / "ingest/handler.py").read_bytes()


def test_writing_it_again_changes_nothing_and_what_is_the_users_stays(tmp_path: Path) -> None:
    write(AWS_IOT, tmp_path, force=False)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    write(AWS_IOT, tmp_path, force=False)
    (tmp_path / "README.md").write_text("mine too", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"README\.md"):
        write(AWS_IOT, tmp_path, force=False)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine too"
    write(AWS_IOT, tmp_path, force=True)
    assert (tmp_path / "README.md").read_bytes() == (PROJECT / "README.md").read_bytes()
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_the_projects_configuration_is_one(tmp_path: Path) -> None:
    write(AWS_IOT, tmp_path, force=False)
    settings = load(tmp_path)
    assert [s.name for s in settings.steps] == ["history"]


def test_nothing_in_the_project_imports_tidegate() -> None:
    files = list(PROJECT.rglob("*.py"))
    assert len(files) > 20
    assert [
        str(f) for f in files if "import tidegate" in f.read_text("utf-8") or "from tidegate" in f.read_text("utf-8")
    ] == []


def test_every_template_is_offered() -> None:
    from tidegate.cli.parser import COMMANDS

    (init,) = [c for c in COMMANDS if c.name == "init"]
    (choices,) = [said["choices"] for names, said in init.options if names == ("--template",)]
    assert set(choices) == set(TEMPLATES)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["iot", "up", "--devices", "0"], "--devices"),
        (["iot", "--rate", "0"], "--duration"),
        (["iot", "--duration", "soon"], "90s"),
        (["init", "--template", AWS_IOT, "--adopt"], "--adopt"),
    ],
    ids=range(4),
)
def test_what_cannot_be_meant_is_refused(words: list[str], hint: str, capsys, tmp_path) -> None:
    assert main([*words, "--project", str(tmp_path)]) == 2
    assert hint in capsys.readouterr().err


def test_up_wants_a_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFoundError, match="no streaming project"):
        iot.find(tmp_path)
    write(AWS_IOT, tmp_path, force=False)
    assert iot.find(tmp_path / "infra" / "modules") == tmp_path.resolve()


def test_up_says_how_to_get_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ExecutableNotFoundError, match="Terraform") as error:
        iot.demand()
    assert "developer.hashicorp.com" in error.value.hint
    program = tmp_path / "terraform"
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(iot, "NEEDED", ("json", "no_such_module"))
    with pytest.raises(ExecutableNotFoundError, match="no_such_module") as error:
        iot.demand()
    assert "tidegate[iot]" in error.value.hint


def test_up_runs_the_projects_program_and_hands_on_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "__main__.py").write_text("import sys; print(*sys.argv[1:]); sys.exit(3)", encoding="utf-8")
    monkeypatch.setattr(iot, "demand", lambda: None)
    ended = iot.up(tmp_path, devices=5, rate=2.5, duration="1m", faults="none", seed=3)
    assert ended == iot.Ended(status=3, said=None)
    assert capfd.readouterr().out.split() == "up --devices 5 --rate 2.5 --faults none --seed 3 --duration 1m".split()


def test_the_account_is_a_document_of_tidegates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "local").mkdir()
    text = "import json; print(json.dumps({'sent': 3, 'exact': False})); raise SystemExit(1)"
    (tmp_path / "local" / "__main__.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(iot, "demand", lambda: None)
    assert main(["iot", "up", "--duration", "1s", "--json", "--project", str(tmp_path)]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said == {"schema_version": 1, "kind": "account", "sent": 3, "exact": False}


STUB = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
open("started", "w").close()
time.sleep(60)
"""
CALLER = "import sys; from pathlib import Path; from tidegate.app import iot; iot.demand = lambda: None; sys.exit(iot.up({}).status)"
ARGUMENTS = "Path(sys.argv[1]), devices=1, rate=1.0, duration=None, faults='none', seed=1"


def test_up_that_is_ended_ends_the_projects_program_too(tmp_path: Path) -> None:
    """A supervisor knows one process; moto and the poller must not outlive it."""
    (tmp_path / "infra").mkdir()
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "__main__.py").write_text(STUB, encoding="utf-8")
    with subprocess.Popen([sys.executable, "-c", CALLER.format(ARGUMENTS), str(tmp_path)]) as caller:
        while not (tmp_path / "started").exists():
            assert caller.poll() is None
            time.sleep(0.02)
        caller.terminate()
        assert caller.wait(30) == 130


def test_the_projects_own_tests_pass(tmp_path: Path) -> None:
    write(AWS_IOT, tmp_path, force=False)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_projects_code_passes_its_own_linter() -> None:
    bin_ = Path(sys.executable).parent
    for command in (["ruff", "check", "--no-cache"], ["ruff", "format", "--check", "--no-cache"]):
        done = subprocess.run(
            [str(bin_ / command[0]), *command[1:], "."], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
