"""`tidegate init --docker` writes containers that every validator accepts, for what it finds, and nothing over what is there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

import tidegate
from tidegate.app.docker import write_containers
from tidegate.app.doctor import examine
from tidegate.cli import main
from tidegate.cli.progress import StderrProgress
from tidegate.errors import ConfigError
from tidegate.kit.source import copy_project

BIN = Path(sys.executable).parent
WRITTEN = {
    ".dockerignore",
    ".env.example",
    "Dockerfile",
    "compose.yaml",
    "docker/schedule.sh",
    "docker/uv.txt",
    "docker/wheels/README.md",
}
HASHED = f"dbt-core==1.11.16 \\\n    --hash=sha256:{'0' * 64}\n"
POSTGRES = """\
shop:
  target: dev
  outputs:
    dev: {type: postgres, host: postgres, user: "{{ env_var('POSTGRES_USER') }}", password: "{{ env_var('POSTGRES_PASSWORD') }}",
          dbname: "{{ env_var('POSTGRES_DB') }}", schema: analytics, port: 5432, threads: 2, sslmode: "{{ env_var('PG_SSL', 'off') }}"}
"""

Change = Callable[[Path], None]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A dlt, dbt and DuckDB project in git, with a tidegate.yml, as the demo has it."""
    folder = tmp_path / "My Shop"
    copy_project("tidegate.kit.shop", folder)
    return folder


def postgres(folder: Path) -> None:
    (folder / "transform" / "profiles.yml").write_text(POSTGRES, encoding="utf-8")


def with_packages(folder: Path) -> None:
    said = "packages:\n  - {package: dbt-labs/dbt_utils, version: 1.3.0}\n  - {git: 'https://example.com/x.git', revision: 1.0.0}\n"
    (folder / "transform" / "packages.yml").write_text(said, encoding="utf-8")


def pinned(folder: Path) -> None:
    (folder / "requirements.lock").write_text(HASHED, encoding="utf-8")


def uv_locked(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[project]\nname = 'x'\nversion = '1'\ndependencies = ['dlt', 'tidegate']\n")
    (folder / "uv.lock").write_text("version = 1\n", encoding="utf-8")


def three_environments(folder: Path) -> None:
    with (folder / "tidegate.yml").open("a", encoding="utf-8") as file:
        file.write("environments:\n  dev: {warehouse: {path: warehouses/dev}}\n  prod: {}\n")


def shared_state(folder: Path) -> None:
    with (folder / "tidegate.yml").open("a", encoding="utf-8") as file:
        file.write("state: postgresql://tidegate:${STATE_PASSWORD}@db.example.com/tidegate\n")


def own_server_or_file(folder: Path) -> None:
    with (folder / "tidegate.yml").open("a", encoding="utf-8") as file:
        file.write("state: ${TIDEGATE_STATE:-}\n")


def as_it_is(folder: Path) -> None:
    pass


def checked(*words: str | Path) -> None:
    done = subprocess.run([str(w) for w in words], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip() if words[0] != BIN / "check-jsonschema" else "") == (0, ""), done


def compose(folder: Path) -> dict[str, dict[str, dict[str, object]]]:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load((folder / "compose.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "change",
    [as_it_is, postgres, with_packages, pinned, uv_locked, three_environments, shared_state, own_server_or_file],
)
def test_every_validator_accepts_what_is_written(shop: Path, change: Change) -> None:
    change(shop)
    write_containers(shop, force=False)
    checked(BIN / "hadolint", "--no-color", shop / "Dockerfile")
    for script in (shop / "docker").glob("*.sh"):
        checked("sh", "-n", script)
    checked(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", shop / "compose.yaml")
    text = (shop / "Dockerfile").read_text(encoding="utf-8") + (shop / "compose.yaml").read_text(encoding="utf-8")
    assert "@@" not in text.replace("python:3", "")
    assert not re.search(r"sha256:[0-9a-f]", text), "a digest that nobody looked up"


@pytest.mark.parametrize("change", [as_it_is, with_packages, pinned, three_environments, own_server_or_file])
def test_doctor_finds_nothing_in_it_that_it_did_not_find_before(shop: Path, change: Change) -> None:
    change(shop)
    subprocess.run(["git", "init", "-q", str(shop)], check=True)
    before = found(shop)
    write_containers(shop, force=False)
    assert found(shop) == before


def test_a_version_that_nobody_can_know_is_left_to_you(shop: Path) -> None:
    postgres(shop)
    subprocess.run(["git", "init", "-q", str(shop)], check=True)
    before = found(shop)
    done = write_containers(shop, force=False)
    assert found(shop) - before == {("py-unpinned", "requirements.txt")}
    assert any(line.startswith("`dbt-postgres` is not installed here: pin it") for line in done.advice)


def found(folder: Path) -> set[tuple[str, str]]:
    quiet = StderrProgress(quiet=True)
    diagnosis = examine(folder, quiet, deep=False, fix=False, history=False, ignore=None)
    return {(breach.code, breach.path) for breach in diagnosis.breaches}


def test_it_adds_to_a_project_that_has_tidegate_yml_and_can_be_repeated(shop: Path) -> None:
    before = {p: p.read_bytes() for p in shop.rglob("*") if p.is_file()}
    done = write_containers(shop, force=False)
    assert set(done.files) == WRITTEN | {"requirements.txt"}
    assert {p: p.read_bytes() for p in before} == before
    again = write_containers(shop, force=False)
    assert again.files == ()
    assert set(again.unchanged) == WRITTEN  # the requirements are the project's own from now on


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", ".dockerignore", "docker/schedule.sh"])
def test_nothing_of_yours_is_overwritten_without_being_told_to(shop: Path, name: str) -> None:
    (shop / name).parent.mkdir(exist_ok=True)
    (shop / name).write_text("mine\n", encoding="utf-8")
    before = {p for p in shop.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError, match=f"has `{re.escape(name)}` already"):
        write_containers(shop, force=False)
    assert (shop / name).read_text(encoding="utf-8") == "mine\n"
    assert {p for p in shop.rglob("*") if p.is_file()} == before
    write_containers(shop, force=True)
    assert (shop / name).read_text(encoding="utf-8") != "mine\n"


def test_the_command_says_what_it_wrote_and_begins_a_project_that_has_no_tidegate_yml(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "tidegate.yml").unlink()
    assert main(["init", "--docker", "--project", str(shop)]) == 0
    said = capsys.readouterr().out
    assert f"wrote    {shop / 'tidegate.yml'}" in said
    assert "\nstate: ${TIDEGATE_STATE:-} " in (shop / "tidegate.yml").read_text(encoding="utf-8")
    assert "state-db" in compose(shop)["services"]
    assert f"wrote    {shop / 'Dockerfile'}" in said
    assert "requirements.txt` has no hashes" in said
    assert main(["init", "--docker", "--project", str(shop)]) == 0
    assert main(["init", "--docker", "--adopt", "--project", str(shop)]) == 2
    assert main(["init", "--docker", "--template", "aws-iot", "--project", str(shop)]) == 2


def test_what_is_installed_is_pinned_to_what_is_installed_here(shop: Path) -> None:
    write_containers(shop, force=False)
    lines = (shop / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert lines == [
        f"dbt-core=={version('dbt-core')}",
        f"dbt-duckdb=={version('dbt-duckdb')}",
        f"dlt[duckdb]=={version('dlt')}",
    ]
    text = (shop / "Dockerfile").read_text(encoding="utf-8")
    assert f"ARG TIDEGATE=tidegate=={tidegate.__version__}" in text
    assert f"ARG PYTHON_IMAGE=python:3.{sys.version_info.minor}-slim-bookworm" in text


def test_hashes_are_required_where_the_project_has_them(shop: Path) -> None:
    pinned(shop)
    done = write_containers(shop, force=False)
    assert "requirements.txt" not in done.files
    text = (shop / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes --requirements /build/requirements.lock" in text
    assert not any("hashes" in line for line in done.advice)


def test_a_project_that_brings_tidegate_has_one_environment(shop: Path) -> None:
    uv_locked(shop)
    write_containers(shop, force=False)
    text = (shop / "Dockerfile").read_text(encoding="utf-8")
    assert "uv sync --project /build --python python3 --frozen" in text
    assert "COPY --from=build /opt/venv /opt/venv" in text
    assert "COPY --from=build /opt/tidegate" not in text


def test_dbt_packages_are_installed_in_the_image_and_no_mount_hides_them(shop: Path) -> None:
    with_packages(shop)
    write_containers(shop, force=False)
    text = (shop / "Dockerfile").read_text(encoding="utf-8")
    assert "RUN /opt/venv/bin/dbt deps --project-dir transform" in text
    assert "install --yes --no-install-recommends git" in text
    mounts = [v for s in compose(shop)["services"].values() for v in s.get("volumes", [])]
    assert mounts
    assert not any(str(mount).startswith((".", "/")) for mount in mounts)


def test_the_services_are_the_commands(shop: Path) -> None:
    write_containers(shop, force=False)
    services = compose(shop)["services"]
    assert services["pipeline"]["command"] == ["tidegate", "run"]
    assert services["dbt"]["entrypoint"] == ["tidegate", "run", "--", "dbt"]
    assert services["tidegate"]["entrypoint"] == ["tidegate"]
    assert services["scheduler"]["healthcheck"]["test"][-1] == "--healthy"
    assert all(s["read_only"] and s["cap_drop"] == ["ALL"] for s in services.values())
    assert set(services) == {"pipeline", "dbt", "tidegate", "scheduler"}
    assert services["pipeline"]["volumes"] == ["warehouse:/app/warehouse", "state:/app/.tidegate"]
    assert set(compose(shop)["volumes"]) == {"warehouse", "state"}


def test_every_environment_has_its_volume(shop: Path) -> None:
    three_environments(shop)
    write_containers(shop, force=False)
    assert set(compose(shop)["volumes"]) == {"warehouse", "state", "warehouses-dev"}


def test_a_shared_ledger_brings_the_driver_and_asks_for_its_secret(shop: Path) -> None:
    shared_state(shop)
    write_containers(shop, force=False)
    assert f"ARG TIDEGATE=tidegate[postgres]=={tidegate.__version__}" in (shop / "Dockerfile").read_text(
        encoding="utf-8"
    )
    assert "\nSTATE_PASSWORD=\n" in (shop / ".env.example").read_text(encoding="utf-8")


def test_the_containers_bring_the_state_store_that_the_file_leaves_to_them(shop: Path) -> None:
    own_server_or_file(shop)
    done = write_containers(shop, force=False)
    assert not any("state:" in line for line in done.advice)
    written = compose(shop)
    services = written["services"]
    server = services["state-db"]
    assert server["healthcheck"]["test"][0] == "CMD-SHELL"
    assert server["volumes"] == ["state-db:/var/lib/postgresql/data"]
    assert set(written["volumes"]) == {"warehouse", "state", "state-db"}
    profiles = {p for name, s in services.items() if name != "state-db" for p in s["profiles"]}
    assert set(server["profiles"]) == profiles, "a service starts without what it depends on"
    known = server["environment"]
    secret = known["POSTGRES_PASSWORD"]
    assert secret == "${STATE_PASSWORD:?write it into .env}"
    for name in ("pipeline", "dbt", "tidegate", "scheduler"):
        assert services[name]["depends_on"] == {"state-db": {"condition": "service_healthy"}}
        address = services[name]["environment"]["TIDEGATE_STATE"]
        assert address == f"postgresql://{known['POSTGRES_USER']}:{secret}@state-db:5432/{known['POSTGRES_DB']}"
    assert "\nSTATE_PASSWORD=\n" in (shop / ".env.example").read_text(encoding="utf-8")
    assert "tidegate[postgres]==" in (shop / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("first", ["docker", "ci"])
def test_the_variables_of_ci_and_of_the_containers_share_one_example(shop: Path, first: str) -> None:
    own_server_or_file(shop)
    with (shop / "tidegate.yml").open("a", encoding="utf-8") as file:
        file.write("notify:\n  - {to: 'webhook:ops', options: {url: '${SLACK_URL}'}}\n")
    commands = {"docker": ["init", "--docker"], "ci": ["ci", "init", "--provider", "github"]}
    for name in sorted(commands, key=lambda known: known != first):
        for _ in range(2):
            assert main([*commands[name], "--quiet", "--project", str(shop)]) == 0
    text = (shop / ".env.example").read_text(encoding="utf-8")
    for name in ("SLACK_URL", "STATE_PASSWORD", "SCHEDULE_EVERY_S"):
        assert len(re.findall(rf"^{name}=", text, flags=re.MULTILINE)) == 1, text


def test_a_project_that_brings_tidegate_is_told_of_the_driver(shop: Path) -> None:
    own_server_or_file(shop)
    uv_locked(shop)
    assert any("ask for `tidegate[postgres]`" in line for line in write_containers(shop, force=False).advice)


def test_every_ledger_has_a_schema_of_its_own(shop: Path) -> None:
    with (shop / "tidegate.yml").open("a", encoding="utf-8") as file:
        file.write("state: ${LIVE_STATE:-}\nenvironments:\n")
        file.write("  dev: {state: '${DEV_STATE:-}', warehouse: {path: warehouses/dev}}\n")
    write_containers(shop, force=False)
    said = compose(shop)["services"]["pipeline"]["environment"]
    assert {name: str(address).rpartition("?")[2] for name, address in said.items()} == {
        "LIVE_STATE": "schema=live_state",
        "DEV_STATE": "schema=dev_state",
    }


def test_a_postgresql_project_has_its_database_and_says_that_there_is_no_gate(shop: Path) -> None:
    postgres(shop)
    done = write_containers(shop, force=False)
    assert any("without a gate" in line for line in done.advice)
    services = compose(shop)["services"]
    assert services["postgres"]["healthcheck"]
    assert services["pipeline"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert services["dbt"]["entrypoint"] == ["dbt"]
    assert services["dbt"]["working_dir"] == "/app/transform"
    script = (shop / "docker" / "pipeline.sh").read_text(encoding="utf-8")
    assert script.splitlines()[2:] == ["set -eu", "python3 ingest/shop.py", "(cd transform && dbt build)"]
    example = (shop / ".env.example").read_text(encoding="utf-8")
    assert re.search(r"^POSTGRES_PASSWORD=$", example, flags=re.MULTILINE)
    assert re.search(r"^PG_SSL=$", example, flags=re.MULTILINE)
    assert example.count("POSTGRES_USER=") == 1


def test_what_git_ignores_and_what_is_data_stays_out_of_the_image(shop: Path) -> None:
    with (shop / ".gitignore").open("a", encoding="utf-8") as ignore:
        ignore.write("*.parquet\n/exports\n!keep.parquet\n# a remark\n")
    write_containers(shop, force=False)
    lines = (shop / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {"**/.env", "**/secrets.toml", "**/*.duckdb", ".git", "warehouse", ".tidegate", "**/source"} <= set(lines)
    assert {"**/*.parquet", "exports", "!**/keep.parquet"} <= set(lines)
    assert len(lines) == len(set(lines) | {""}) + lines.count("") - 1


SCHEDULE = Path(tidegate.__file__).parent / "kit/docker/project/docker/schedule.sh"
FOUR = """\
echo "begin $(date +%s)" >> log
sleep {takes}
echo end >> log
if [ "$(grep -c end log)" -eq 4 ]; then kill -TERM "$PPID"; fi
"""
"""A command that takes a while, and stops the loop when it has run four times."""


def schedule(note: Path, *words: str, tools: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the loop to its end; what is in the folder `tools` stands before the system's own programs."""
    env = {"PATH": f"{tools}:/usr/bin:/bin", "SCHEDULE_NOTE": str(note), **settings}
    return subprocess.run(
        ["sh", str(SCHEDULE), *words], check=False, capture_output=True, text=True, env=env, cwd=note.parent, timeout=60
    )


def clock(folder: Path, now: int) -> str:
    """A folder with a `date` that tells second `now` and a `sleep` that only moves it on, so that no machine is too busy."""
    (folder / "tools").mkdir()
    (folder / "now").write_text(str(now), encoding="utf-8")
    for name, text in {
        "date": f'exec /bin/date -u -d "@$(cat {folder}/now)" "$(for last; do :; done; echo "$last")"',
        "sleep": f"echo $(($(cat {folder}/now) + $1)) > {folder}/now",
    }.items():
        (folder / "tools" / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (folder / "tools" / name).chmod(0o755)
    return str(folder / "tools")


@pytest.mark.parametrize(("takes", "apart", "left_out"), [(1, 3, 0), (3, 6, 1), (7, 9, 2)])
def test_the_loop_starts_at_fixed_times_and_never_twice_at_once(
    tmp_path: Path, takes: int, apart: int, left_out: int
) -> None:
    """Every three seconds from the first second of a minute on; a start that a run covers is left out, and said so."""
    tools = clock(tmp_path, now=1_800_000_000)
    command = ("sh", "-c", FOUR.format(takes=takes))
    done = schedule(tmp_path / "note", *command, tools=tools, SCHEDULE_EVERY_S="3", SCHEDULE_OFFSET_S="1")
    assert done.returncode == 143, done.stderr
    lines = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    starts = [int(line.split()[1]) for line in lines if line.startswith("begin")]
    assert starts == [1_800_000_001 + n * apart for n in range(4)]
    assert [line.split()[0] for line in lines] == ["begin", "end"] * 4
    told = [int(n) for n in re.findall(r"left out (\d+) start\(s\) that were due meanwhile", done.stderr)]
    assert told == [left_out] * (3 if left_out else 0)
    assert "schedule: 2027-01-15T08:00:01Z start: sh" in done.stderr


def test_stopping_it_stops_the_run(tmp_path: Path) -> None:
    """With the system's own clock."""
    command = "trap 'echo told > told; exit 3' TERM; echo > begun; while :; do sleep 0.1; done"
    env = {"PATH": "/usr/bin:/bin", "SCHEDULE_NOTE": str(tmp_path / "note"), "SCHEDULE_EVERY_S": "1"}
    words = ["sh", str(SCHEDULE), "sh", "-c", command]
    with subprocess.Popen(words, env=env, cwd=tmp_path, stderr=subprocess.DEVNULL) as loop:
        patient_until = time.monotonic() + 60
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < patient_until, "it never began"
            time.sleep(0.02)
        loop.terminate()
        assert loop.wait(60) == 143
    assert (tmp_path / "told").read_text(encoding="utf-8") == "told\n"


@pytest.mark.parametrize(("status", "healthy"), [("none", 0), ("0", 0), ("1", 0), ("2", 1), ("137", 1)])
def test_the_health_check_knows_how_the_last_run_ended(tmp_path: Path, status: str, healthy: int) -> None:
    note = tmp_path / "note"
    note.write_text(f"{int(time.time()) + 60} {status}\n", encoding="utf-8")
    assert schedule(note, "--healthy").returncode == healthy


def test_the_health_check_notices_a_loop_that_stands_still(tmp_path: Path) -> None:
    note = tmp_path / "note"
    assert schedule(note, "--healthy").returncode == 1
    note.write_text(f"{int(time.time()) - 1} 0\n", encoding="utf-8")
    assert schedule(note, "--healthy").returncode == 1


def test_a_loop_without_a_command_or_with_a_wrong_number_is_refused(tmp_path: Path) -> None:
    note = tmp_path / "note"
    assert schedule(note).returncode == 2
    assert schedule(note, "true", SCHEDULE_EVERY_S="0").returncode == 2
    refused = schedule(note, "true", SCHEDULE_EVERY_S="1h")
    assert (refused.returncode, "`1h` is not a whole number" in refused.stderr) == (2, True)


def test_the_own_image_passes_too() -> None:
    root = Path(__file__).parents[3]
    checked(BIN / "hadolint", "--no-color", root / "Dockerfile")
    lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "*"
    for copied in re.findall(r"^COPY (?!--)(.+) \S+$", (root / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE):
        for name in copied.split():
            assert (root / name).exists()
            assert f"!{name.split('/')[0]}" in lines


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("change", [as_it_is, postgres])
def test_compose_itself_understands_it(shop: Path, change: Change) -> None:
    change(shop)
    write_containers(shop, force=False)
    example = (shop / ".env.example").read_text(encoding="utf-8")
    (shop / ".env").write_text(example.replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=x"), encoding="utf-8")
    said = subprocess.run(["docker-compose", "config"], cwd=shop, check=False, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert json.dumps(said.stdout).count("/app/.tidegate") >= 4
