"""Credentials in files and in older commits: real ones are found, names and templates of them are not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tidegate.integrations import secret_scan
from tidegate.integrations.project_tree import read_project

AWS = "AKIA" + "QYLPMN5HHHFPZAM2"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("config.py", f'aws_access_key_id = "{AWS}"'),
        ("ci.yml", f"  token: {GITHUB}"),
        ("deploy.pem", KEY),
        ("settings.toml", 'password = "Xk29!vQmz71b"'),
        (".env", "POSTGRES_PASSWORD=Xk29vQmz71bQ"),
        ("load.py", 'url = "mysql://loader:Xk29vQmz71b@db.shop.internal/shop"'),
    ],
)
def test_a_credential_is_found(path: str, line: str) -> None:
    (found,) = secret_scan.in_tree({path: f"first\n{line}\n"}, [path])
    assert (found.path, found.line, found.commit) == (path, 2, None)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("config.py", 'password = os.environ["DB_PASSWORD"]'),
        ("config.py", "api_key: str = dlt.secrets.value"),
        ("profiles.yml", "password: \"{{ env_var('DB_PASSWORD') }}\""),
        ("compose.yml", "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}"),
        ("compose.yml", "POSTGRES_PASSWORD: postgres"),
        ("ci.yml", "token: ${{ secrets.GITHUB_TOKEN }}"),
        ("secrets.toml", 'api_key = "<your key>"'),
        ("load.py", 'url = "postgresql://dev:devdevdev@localhost:5432/shop"'),
        ("schema.yml", "- name: password_hash"),
        ("model.sql", "select password_hash as secret_key from users"),
        ("load.py", 'primary_key="order_id", merge_key="customer_number"'),
        ("config.py", f'aws_access_key_id = "{AWS}"  # pragma: allowlist secret'),
        ("uv.lock", f'hash = "{AWS}"'),
    ],
)
def test_what_is_none_is_not(path: str, line: str) -> None:
    assert secret_scan.in_tree({path: f"{line}\n"}, [path]) == ()


def test_a_file_that_git_ignores_is_not_looked_at() -> None:
    assert secret_scan.in_tree({".env": f"A={AWS}\n"}, []) == ()


def test_the_history_keeps_what_the_files_no_longer_have(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet")
    for number, text in enumerate((f'one = 1\nkey = "{AWS}"\n', "one = 1\n", f'two = 2\ntoken = "{GITHUB}"\n')):
        (tmp_path / "load.py").write_text(text, encoding="utf-8")
        git("add", "--all")
        git("commit", "--quiet", "--message", str(number))
    project, _ = read_project(tmp_path)
    now = secret_scan.in_tree(project.tree.texts, project.tree.files)
    assert [(s.kind, s.line) for s in now] == [("GitHub Token", 2)]
    past = secret_scan.in_history(tmp_path, now, project.tree.texts)
    assert past is not None
    assert [(s.kind, s.path, s.line) for s in past] == [("AWS Access Key", "load.py", 2)]
    assert past[0].commit


def test_without_a_repository_there_is_no_history(tmp_path: Path) -> None:
    assert secret_scan.in_history(tmp_path, (), {}) is None
