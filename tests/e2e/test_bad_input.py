"""Whatever is wrong, the message says what and what to do, and nothing that was there is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.e2e import small_project
from tests.e2e.small_project import TIDEGATE, SmallProject, Told, assert_refused
from tidegate.state.sqlite import SQLiteStateStore
from tidegate.warehouses import process

PATIENCE_S = 60.0
"""How long anything may take that is waited for; nothing is asserted of the time itself."""

DBT_PROJECT = "name: shop\nversion: '1.0'\nprofile: shop\nmodel-paths: [models]\n"
DBT_PROFILES = "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ../shop.duckdb}\n"
DBT_STEP = "{name: transform, dbt: transform}"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    """Version 1 was published and pruned, 2 is retired, 3 is published, 4 is held and has incident 1."""
    bad = "  - {table: raw.orders, row_count: {max: 1000}}"
    project = small_project.make(tmp_path_factory.mktemp("bad") / "shop", "checks:", bad)
    for rows, status in ((90, 0), (95, 0), (100, 0), (5000, 1)):
        project.load(small_project.ORDERS.replace("range(100)", f"range({rows})"))
        told = project.cli("run")
        assert told.status == status, told
    prune(project, 1)
    project.load(small_project.ORDERS)
    return project


@pytest.fixture
def project(template: SmallProject, tmp_path: Path) -> SmallProject:
    """A copy of the template; the test may do with it what it wants."""
    return SmallProject(root=shutil.copytree(template.root, tmp_path / "shop", symlinks=True))


def prune(project: SmallProject, number: int) -> None:
    """Forget a version as the retention rule does, which keeps versions for days."""
    from tidegate.app.compose import open_site
    from tidegate.cli.progress import StderrProgress

    with open_site(project.root, StderrProgress(quiet=True)) as site:
        site.state.append([site.event("version.pruned", f"version:{number}", {"reason": "retention"})])
        site.warehouse.discard(number)


def ledger(project: SmallProject) -> list[object]:
    store = SQLiteStateStore(project.root / ".tidegate" / "state.db")
    try:
        return list(store.events())
    finally:
        store.close()


@contextmanager
def nothing_lost(project: SmallProject) -> Iterator[None]:
    """What readers see, every kept version, the user's files and the ledger's past are the same afterwards."""
    content, events, rows = project.content(), ledger(project), project.query("from raw.orders order by all")
    databases = sorted(project.root.parent.rglob("*.duckdb"))
    yield
    assert {n: c for n, c in project.content().items() if content.get(n) != c} == {}
    assert project.content().keys() == content.keys()
    assert ledger(project)[: len(events)] == events
    assert project.query("from raw.orders order by all") == rows
    assert sorted(project.root.parent.rglob("*.duckdb")) == databases


def write_dbt(project: SmallProject, model: str = "select 1 as id") -> None:
    folder = project.root / "transform"
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(DBT_PROJECT, encoding="utf-8")
    (folder / "profiles.yml").write_text(DBT_PROFILES, encoding="utf-8")
    (folder / "models" / "customers.sql").write_text(model, encoding="utf-8")


# --- the configuration


@pytest.mark.parametrize(
    ("old", "new", "says", "hint"),
    [
        ("steps:", "steps: [", "tidegate.yml:4:3:", "line and column"),
        ("steps:", "stepz:", "unknown key `stepz`", "did you mean `steps`?"),
        ("row_count: {max: 1000}", "row_cuont: {max: 1000}", "unknown key `row_cuont`", "did you mean `row_count`?"),
        ("row_count: {max: 1000}", "row_count: {max: many}", "(found `many`)", "tidegate config schema"),
        ("checks:", "budget: {false_alarms_per_month: 0}\nchecks:", "(found `0`)", "tidegate config schema"),
        ("checks:", "budget: {false_alarms_per_month: .inf}\nchecks:", "(found `inf`)", "write a number"),
        ("row_count: {max: 1000}", "row_count: {max: .nan}", "`checks.0.row_count.max`: a finite number", "left out"),
        ("row_count: {max: 1000}", "row_count: {max: 1e999}", "(found `inf`)", "write a number"),
        ("{database: shop.duckdb}", "{database: a/b.duckdb}", "`a/b.duckdb`", "tidegate config schema"),
        ("{database: shop.duckdb}", "{type: postgres}", "no warehouse adapter for `postgres`", "duckdb"),
        (", run:", ", rnu:", "no step adapter for `rnu`", "did you mean `run`?"),
        (", run: ", ", run: A=1 ", "begins with `A=1`, and no shell reads it", 'write `env: {A: "1"}` in the step'),
        (", run: ", ", run: true && ", "`&&` in the command would be handed to `true`", "one step for each command"),
        ("{database: shop.duckdb}", "{database: shop.duckdb, adopt: shpo.duckdb}", "`shpo.duckdb`", "adopt"),
        ("row_count: {max: 1000}", "freshness: {column: a, max_age: soon}", "`soon` is not a duration", "schema"),
    ],
)
@pytest.mark.parametrize("command", ["run", "config"])
def test_a_wrong_file_is_refused_with_its_place(
    project: SmallProject, command: str, old: str, new: str, says: str, hint: str
) -> None:
    path = project.root / "tidegate.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with nothing_lost(project):
        told = project.cli(command)
    assert_refused(told, says=says, hint=hint)
    assert told.out == ""


def test_sql_that_does_not_parse_is_told_before_a_run(project: SmallProject) -> None:
    path = project.root / "tidegate.yml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("row_count: {max: 1000}", "rule: 'id >='"), encoding="utf-8"
    )
    assert_refused(project.cli("config", "check"), says="`id >=` does not parse", hint="correct the SQL")


def test_the_error_is_a_document_too(project: SmallProject) -> None:
    told = project.cli("diff", "3", "99", "--json")
    assert_refused(told, says="`99`")
    document = told.document
    assert document["kind"] == "error"
    assert document["code"] == "version-not-found"
    assert f"error: {document['message']}\nhint: {document['hint']}\n" == told.err


@pytest.mark.parametrize("command", ["run", "check", "status", "versions", "incidents", "config"])
def test_a_folder_that_is_no_project(tmp_path: Path, project: SmallProject, command: str) -> None:
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert_refused(
        project.cli(command, project=tmp_path / "nowhere"), says=f"no folder `{tmp_path}/nowhere`", hint="`--project`"
    )
    told = project.cli(command, project=tmp_path / "empty")
    assert_refused(told, says="no `tidegate.yml`", hint="`tidegate init`")
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_to_run(project: SmallProject) -> None:
    (project.root / "tidegate.yml").write_text("version: 1\nwarehouse: {database: shop.duckdb}\n", encoding="utf-8")
    with nothing_lost(project):
        told = project.cli("run")
    assert_refused(told, says="`steps:` is empty", hint="`tidegate run -- COMMAND`")


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (["run", "--wait", "soon"], "`soon` is not a time", "90s, 10m, 1h or 7d"),
        (["check", "--wait", "nans"], "`nans` is not a time", "90s"),
        (["rollback", "--wait", "10"], "`10` is not a time", "90s"),
        (["reconcile", "1", "live", "--tolerance", "inf"], "`inf`", "tidegate reconcile --help"),
        (["rnu"], "no command `rnu`", "did you mean `run`?"),
        (["run", "--wiat", "1s"], "unknown option `--wiat`", "did you mean `--wait`?"),
        (["publish", "four", "--reason", "x"], "`four`", "tidegate publish --help"),
        (["publish", "4"], "--reason", "tidegate publish --help"),
        (["incidents", "resolve", "1", "--reason", "x", "--as", "gone"], "`gone`", "tidegate incidents resolve --help"),
        (["explain", "disk-ful"], "`disk-ful`", "did you mean the error code `disk-full`?"),
    ],
)
def test_a_command_line_that_cannot_be_understood(
    project: SmallProject, words: list[str], says: str, hint: str
) -> None:
    with nothing_lost(project):
        told = project.cli(*words)
    assert told.status == 2
    assert told.out == ""
    assert "Traceback" not in told.err
    error, hinted = told.err.splitlines()
    assert error.startswith("error: ")
    assert says in error
    assert hinted.startswith("hint: ")
    assert hint in hinted


# --- what is not there


@pytest.mark.parametrize(
    ("step", "says", "hint"),
    [
        (
            "{name: load, run: no-such-program --fast}",
            "`no-such-program`",
            "install it, or correct the command in `run:`",
        ),
        ("{name: load, run: ./load.py}", "`./load.py` is not an executable file", "`chmod +x ./load.py`"),
        ("{name: load, run: ./laod.py}", "there is no program `", "correct the command in `run:`"),
        ("{name: load, dlt: load.py, python: no/python}", "no/python`", "correct `python:`"),
        ("{name: load, dlt: laod.py}", "`laod.py`", "relative to the folder"),
        ("{name: t, dbt: transform, executable: no/dbt}", "no/dbt`", "correct `executable:`"),
        ("{name: t, dbt: transfrom}", "`transfrom`", "relative to the folder"),
        ("{name: t, dbt: transform, profile: sohp}", "`sohp`", "shop"),
        (
            "{name: t, dbt: transform, target: prod}",
            "has no target `prod`; it has `dev`",
            "correct `target:` of the step",
        ),
        ("{name: t, dbt: transform, target: dve}", "has no target `dve`; it has `dev`", "did you mean `dev`?"),
        ("{name: t, dbt: transform, profiles_dir: nowhere}", "nowhere`", ""),
    ],
)
def test_what_a_step_names_must_exist(project: SmallProject, step: str, says: str, hint: str) -> None:
    write_dbt(project)
    project.configure(step=f"- {step}")
    with nothing_lost(project):
        told = project.cli("run")
    assert_refused(told, says=says, hint=hint)
    for key in {"profile:", "executable:", "python:", "target:"} - {word for word in step.split() if word[-1] == ":"}:
        assert f"`{key}`" not in told.err, "a key that the step has not"
    project.configure()
    assert project.versions() == {1: "pruned", 2: "retired", 3: "published", 4: "held"}


def test_a_wrapped_command_that_is_not_installed(project: SmallProject) -> None:
    with nothing_lost(project):
        told = project.cli("run", "--", "no-such-program", "--fast")
    assert_refused(told, says="`no-such-program`", hint="correct the command after `--`")


def test_a_step_that_writes_elsewhere_makes_no_empty_version(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    (project.root / "load.py").write_text("print('wrote nothing')\n", encoding="utf-8")
    told = project.cli("run")
    assert_refused(told, says="has no database", hint="logs")
    assert list(tmp_path.rglob("*.duckdb")) == []
    assert project.versions() == {1: "pruned"}
    assert_refused(project.cli("check"), says="nothing is published", hint="`tidegate run`")


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (["publish", "99", "--reason", "x"], "version `99` does not exist", "kept are: 2, 3, 4"),
        (["publish", "1", "--reason", "x"], "version `1` was pruned", "kept are: 2, 3, 4"),
        (["publish", "3", "--reason", "x"], "version `3` is published already", ""),
        (["rollback", "99"], "version `99` does not exist", "kept are: 2, 3, 4"),
        (["rollback", "1"], "version `1` was pruned", "kept are: 2, 3, 4"),
        (["rollback", "3"], "version `3` is published already", "tidegate versions"),
        (["rollback", "4"], "version `4` is `held`", "`tidegate publish 4 --reason"),
        (["diff", "1", "3"], "version `1` was pruned", "kept are: 2, 3, 4"),
        (["diff", "3", "99"], "version `99` does not exist", "kept are: 2, 3, 4"),
        (["diff", "-1", "3"], "version `-1` does not exist", "kept are: 2, 3, 4"),
        (["diff", "99"], "version `99` does not exist", "kept are: 2, 3, 4"),
        (["incidents", "show", "7"], "no incident `7`", "tidegate incidents"),
        (["incidents", "ack", "7"], "no incident `7`", "tidegate incidents"),
        (["incidents", "resolve", "7", "--reason", "x", "--as", "fixed"], "no incident `7`", "tidegate incidents"),
    ],
)
def test_numbers_that_do_not_exist(project: SmallProject, words: list[str], says: str, hint: str) -> None:
    with nothing_lost(project):
        told = project.cli(*words)
    assert_refused(told, says=says, hint=hint)
    assert told.out == ""


def test_rolling_back_the_first_version(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    assert_refused(project.cli("rollback"), says="nothing is published", hint="`tidegate run`")
    assert_refused(project.cli("diff"), says="nothing is published", hint="`tidegate run`")
    assert project.cli("run").status == 0
    with nothing_lost(project):
        assert_refused(project.cli("rollback"), says="before version `1`", hint="tidegate versions")
        assert_refused(project.cli("diff"), says="`1`", hint="tidegate diff A B")


def test_what_was_done_is_not_done_twice(project: SmallProject) -> None:
    assert project.cli("incidents", "ack", "1").status == 0
    assert_refused(project.cli("incidents", "ack", "1"), says="`acknowledged`", hint="tidegate incidents resolve 1")
    close = ("incidents", "resolve", "1", "--reason", "the file was twice there", "--as")
    assert_refused(project.cli(*close, "fixed"), says="`1` is not reconciled", hint="--waive")
    assert project.cli(*close, "false-alarm").status == 0
    assert_refused(project.cli("incidents", "resolve", "1", "--reason", "again", "--as", "fixed"), says="`resolved`")
    assert_refused(project.cli("incidents", "ack", "1"), says="`resolved`")
    assert [e.kind for e in ledger(project) if e.subject == "incident:1"] == [
        "incident.opened",
        "incident.acknowledged",
        "incident.assigned",
        "incident.reconciled",
        "incident.resolved",
    ]


# --- steps that go wrong


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import sys; print('source is down', file=sys.stderr); sys.exit(3)", "ended with 3: source is down"),
        ("raise ValueError('no such customer')", "no such customer"),
        ("import os; os.kill(os.getpid(), 9)", "it was killed (signal 9; often the system ran out of memory)\n"),
        ("import os; os.kill(os.getpid(), 15)", "it was ended by signal 15 (Terminated)"),
        ("import sys; sys.exit(3)", "ended with 3\n"),
    ],
    ids=["exits with 3", "raises", "is killed", "is terminated", "says nothing"],
)
def test_a_command_that_fails(project: SmallProject, script: str, says: str) -> None:
    (project.root / "load.py").write_text(script, encoding="utf-8")
    with nothing_lost(project):
        told = project.cli("run")
    assert_refused(told, says=says, hint=".tidegate/logs/")
    (found,) = (i for i in project.cli("incidents", "--json").document["incidents"] if i["version"] == 5)
    assert found["findings"][0]["kind"] == "step"
    assert project.versions()[5] == "pruned"
    named = told.err.rpartition("hint: ")[2].split()[1].rstrip(",")
    assert Path(named).is_file(), named


@pytest.mark.slow
def test_a_dbt_model_and_a_dlt_script_that_fail(project: SmallProject) -> None:
    write_dbt(project, "select no_such_column from raw.orders")
    project.configure(step=f"- {DBT_STEP}")
    with nothing_lost(project):
        told = project.cli("run")
    assert_refused(told, says="no_such_column", hint=".tidegate/logs/")
    assert "models/customers.sql" in told.err
    script = (
        "import dlt\n\np = dlt.pipeline('shop', destination='duckdb', dataset_name='raw')\nraise ValueError('401')\n"
    )
    (project.root / "load.py").write_text(script, encoding="utf-8")
    project.configure(step="- {name: load, dlt: load.py}")
    with nothing_lost(project):
        told = project.cli("run")
    assert_refused(told, says="ValueError: 401", hint=".tidegate/logs/")
    assert project.versions() == {1: "pruned", 2: "retired", 3: "published", 4: "held", 5: "pruned", 6: "pruned"}


HANGS = """
import os, subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
Path(os.environ["PIDS"]).write_text(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""


def hang(project: SmallProject, tmp_path: Path, *, timeout: str) -> Path:
    """Let the step and a child of it in a session of its own hang; returns where their pids will be."""
    pids = tmp_path / "pids"
    (project.root / "load.py").write_text(HANGS, encoding="utf-8")
    command, env = json.dumps(f"{sys.executable} load.py"), json.dumps({"PIDS": str(pids)})
    project.configure(step=f"- {{name: load, run: {command}, timeout: {timeout}, env: {env}}}")
    return pids


def running(pids: Path) -> list[int]:
    found = [process.find(int(pid)) for pid in pids.read_text(encoding="utf-8").split()]
    return [p.pid for p in found if p is not None and not p.is_zombie]


@pytest.mark.slow
def test_a_step_that_hangs_is_stopped_whole(project: SmallProject, tmp_path: Path) -> None:
    pids = hang(project, tmp_path, timeout="2s")
    with nothing_lost(project):
        told = project.cli("run")
    assert_refused(told, says="`load`", hint="timeout")
    assert running(pids) == []
    assert project.versions()[5] == "pruned"


@pytest.mark.slow
def test_ctrl_c_in_a_step(project: SmallProject, tmp_path: Path) -> None:
    sound = (project.root / "load.py").read_text(encoding="utf-8")
    pids = hang(project, tmp_path, timeout="1h")
    with nothing_lost(project):
        run = project.started("run", start_new_session=True)  # as a terminal starts it: a group of its own
        wait_for(pids)
        os.killpg(run.pid, signal.SIGINT)
        out, err = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "interrupted: readers keep the published version"
    assert out == ""
    assert running(pids) == []
    assert project.versions()[5] == "pruned"
    assert project.cli("status", "--json").document["runs"][0]["status"] == "interrupted"
    (project.root / "load.py").write_text(sound, encoding="utf-8")
    project.configure()
    assert project.cli("run").status == 0
    assert project.versions()[6] == "published"


def wait_for(path: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while not path.exists() or not path.read_text(encoding="utf-8"):
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.02)


# --- a reader of our output that goes away


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [["versions"], ["status", "--json"], ["config", "schema"], ["run"], ["--help"], ["run", "--help"], ["--version"]],
    ids=" ".join,
)
def test_a_closed_pipe_is_no_error_of_ours(project: SmallProject, words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [str(TIDEGATE), *words], cwd=project.root, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert done.returncode == 141  # 128 + SIGPIPE, as shells have it: what was asked for did not arrive
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    if words == ["run"]:
        assert project.versions()[5] == "published"


@pytest.mark.slow
def test_a_closed_pipe_behind_stderr_does_not_stop_a_run(project: SmallProject) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([str(TIDEGATE), "run"], cwd=project.root, stdout=subprocess.PIPE, stderr=write, check=False)
    os.close(write)
    assert done.returncode == 0
    assert project.versions()[5] == "published"


@pytest.mark.slow
@pytest.mark.parametrize("word", ["versions", "--help"])
def test_a_full_disk_behind_stdout(project: SmallProject, word: str) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [str(TIDEGATE), word], cwd=project.root, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert_refused(Told(status=done.returncode, out="", err=done.stderr), says="`stdout`", hint="disk")


# --- a state file that is none


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2 - 7]


@pytest.mark.parametrize(
    "damage",
    [lambda _: os.urandom(20_000), cut, lambda _: b"", lambda _: b"this is a text file\n"],
    ids=["random", "cut", "empty", "text"],
)
def test_a_state_file_that_is_damaged(project: SmallProject, damage) -> None:
    path = project.root / ".tidegate" / "state.db"
    rows = project.query("from raw.orders order by all")
    path.write_bytes(damage(path.read_bytes()))
    for log in (path.with_name("state.db-wal"), path.with_name("state.db-shm")):
        log.unlink(missing_ok=True)
    damaged, content = path.read_bytes(), project.content()
    for words in (["status"], ["run"], ["rollback"], ["incidents"], ["publish", "4", "--reason", "x"]):
        told = project.cli(*words)
        assert_refused(told, says=f"`{path}`", hint="move `.tidegate/state.db` aside")
        assert path.read_bytes() == damaged
    assert project.content() == content
    assert project.query("from raw.orders order by all") == rows
    path.unlink()  # as the hint says
    told = project.cli("run")
    assert told.status == 0, told
    assert "version 3 was on disk and unknown; it is recorded as published" in told.out
    assert project.versions() == {2: "retired", 3: "retired", 4: "held", 5: "published"}


def test_what_was_audited_is_known_without_the_ledger(project: SmallProject) -> None:
    (project.root / ".tidegate" / "state.db").unlink()
    held = project.root / "warehouse" / "versions" / "000004" / "shop.duckdb"
    with duckdb.connect(str(held)) as database:
        database.execute("delete from raw.orders")
    assert project.cli("check").status == 0
    assert project.versions() == {2: "retired", 3: "published", 4: "held"}
    assert_refused(project.cli("publish", "4", "--reason", "x"), says="version `4` is not what was audited")
    assert_refused(project.cli("rollback", "4"), says="version `4` is `held`")
    assert project.cli("rollback").status == 0
    assert project.query("select count(*) from raw.orders") == [(95,)]


# --- a warehouse folder that somebody rearranged


def test_live_is_a_folder(project: SmallProject) -> None:
    live = project.root / "warehouse" / "live"
    live.unlink()
    shutil.copytree(project.root / "warehouse" / "versions" / "000003", live)
    with nothing_lost(project):
        for words in (["run"], ["status"], ["check"], ["rollback"], ["publish", "4", "--reason", "x"]):
            assert_refused(project.cli(*words), says=f"`{live}` is not a symbolic link", hint="move")


def test_live_points_elsewhere(project: SmallProject) -> None:
    live = project.root / "warehouse" / "live"
    live.unlink()
    live.symlink_to("../elsewhere")
    before = project.content()
    for words in (["run"], ["status"], ["rollback"]):
        assert_refused(project.cli(*words), says="points to `../elsewhere`", hint="move")
    assert project.content() == before


def test_a_dangling_live_link_is_repaired_from_the_ledger(project: SmallProject) -> None:
    live = project.root / "warehouse" / "live"
    live.unlink()
    live.symlink_to("versions/000099")
    assert "repair" in project.cli("status").out
    told = project.cli("check")
    assert told.status == 0, told
    assert str(live.readlink()) == "versions/000003"


def test_the_published_version_is_gone(project: SmallProject) -> None:
    shutil.rmtree(project.root / "warehouse" / "versions" / "000003")
    for words in (["run"], ["check"], ["publish", "4", "--reason", "x"]):
        assert_refused(project.cli(*words), says="version `3` is missing", hint="`tidegate rollback`")
    assert project.versions() == {1: "pruned", 2: "retired", 3: "published", 4: "held"}
    assert "missing    its data is gone" in project.cli("status").out
    assert project.cli("rollback").status == 0
    assert project.query("select count(*) from raw.orders") == [(95,)]
    assert project.cli("run").status == 0
    assert project.versions() == {1: "pruned", 2: "retired", 3: "pruned", 4: "held", 5: "published"}


# --- a file system that refuses: in a mount namespace of its own, so that no mount is left behind

NAMESPACE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
mounts = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has mounts that nobody else sees")


def in_namespace(project: SmallProject, script: str, tmp_path: Path) -> Path:
    """Run a shell script in which mounts are private: `$1` is an empty folder to mount on, `$2` the project, `$3` where
    results go, `$4` tidegate. Returns `$3`.
    """
    mounted, results = tmp_path / "mounted", tmp_path / "results"
    mounted.mkdir()
    results.mkdir()
    words = [*NAMESPACE, "sh", "-euc", script, "sh", str(mounted), str(project.root), str(results), str(TIDEGATE)]
    done = subprocess.run(words, env=project.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return results


def told_in(results: Path, name: str) -> Told:
    status, out, err = ((results / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("status", "out", "err"))
    return Told(status=int(status), out=out, err=err)


TELL = """
tell() { name=$1; shift; status=0; "$@" >"$results/$name.out" 2>"$results/$name.err" || status=$?; echo $status >"$results/$name.status"; }
results=$3
"""

FULL = (
    TELL
    + """
mount -t tmpfs -o size=64m tmpfs "$1"
cp -a "$2/." "$1"
cd "$1"
free=$(df --output=avail -k . | tail -1)
head -c $(( (free - LEFT) * 1024 )) /dev/zero >ballast
tell full "$4" run --json
tell status "$4" status --json
tell incidents "$4" incidents --json
tell ack "$4" incidents ack 1 --json
mkdir "$3/after"
cp -a . "$3/after"
rm "$3/after/ballast" ballast
tell again "$4" run
"""
)


@mounts
@pytest.mark.slow
@pytest.mark.parametrize(
    ("left_kb", "says"),
    [(0, "state.db`"), (200, "cannot make version 5"), (1200, "cannot finish the command")],
    ids=["nothing left", "no room to copy", "no room to load"],
)
def test_a_full_disk(project: SmallProject, tmp_path: Path, left_kb: int, says: str) -> None:
    project.load(small_project.ORDERS.replace("range(100)", "range(300000)"))
    (project.root / "tidegate.yml").write_text(
        (project.root / "tidegate.yml").read_text(encoding="utf-8").partition("checks:")[0] + "learned: off\n",
        encoding="utf-8",
    )
    results = in_namespace(project, FULL.replace("LEFT", str(left_kb)), tmp_path)
    told = told_in(results, "full")
    assert told.status == 2, told
    assert "Traceback" not in told.err
    assert told.document["code"] == "disk-full"
    assert says in told.document["message"]
    assert "free space" in told.document["hint"]
    after = SmallProject(root=results / "after")
    assert after.content() == project.content()
    assert after.query("from raw.orders order by all") == project.query("from raw.orders order by all")
    assert ledger(after)[: len(ledger(project))] == ledger(project)
    looked = told_in(results, "status")
    assert looked.status == 0, looked
    assert looked.document["published"]["number"] == 3
    assert told_in(results, "incidents").document["incidents"][0]["number"] == 1
    if left_kb == 0:
        refused = told_in(results, "ack")
        assert (refused.status, refused.document["code"]) == (2, "disk-full")
    again = told_in(results, "again")
    assert again.status == 0, again


READ_ONLY = (
    TELL
    + """
mount --bind "$2" "$1"
mount -o remount,ro,bind "$1"
cd "$1"
for words in run check "rollback 2" "publish 4 --reason x" "incidents ack 1"; do
  tell "refused-${words%% *}" "$4" $words
done
tell status "$4" status --json
tell versions "$4" versions --json
tell diff "$4" diff 2 3 --json
tell incidents "$4" incidents show 1 --json
"""
)


@mounts
@pytest.mark.slow
def test_a_read_only_folder(project: SmallProject, tmp_path: Path) -> None:
    with nothing_lost(project):
        results = in_namespace(project, READ_ONLY, tmp_path)
    for word in ("run", "check", "rollback", "publish", "incidents"):
        told = told_in(results, f"refused-{word}")
        assert_refused(told, says="cannot", hint="write permission")
    for word in ("status", "versions", "diff", "incidents"):
        told = told_in(results, word)
        assert told.status == 0, told
        assert told.document


def test_a_time_column_that_is_not_there_holds_and_explains_nothing(tmp_path: Path) -> None:
    """A slip of the pen would switch the learned bands of a table off, and nobody would know."""
    project = small_project.make(tmp_path / "shop")
    project.load(
        "create schema if not exists raw; create or replace table raw.orders as"
        " select timestamp '2026-10-01' + interval (i) hour as ordered_at, i from range(912) as t(i)"
    )
    assert project.cli("run").status == 0
    project.configure("tables: {raw.orders: {time_column: order_at}, raw.ordrs: {grain: day}}")
    told = project.cli("run")
    assert told.status == 1
    assert "`order_at` is no column of raw.orders" in told.out
    assert "did you mean `raw.orders`?" in told.out
    for command in (("explain", "raw.orders"), ("backtest",), ("config", "check")):
        assert_refused(project.cli(*command), says="`order_at` is no column", hint="did you mean `ordered_at`?")


def test_the_configuration_is_held_against_what_is_there(tmp_path: Path) -> None:
    """What `run` would refuse, or what changes nothing, is told before."""
    project = small_project.make(tmp_path / "shop")
    project.configure("tables: {raw.orders: {time_column: order_at}}")
    told = project.cli("config", "check")
    assert (told.status, "against the published version: nothing is published yet" in told.out) == (0, True)
    project.configure("tables: {raw.ordrs: {grain: day}}")
    assert project.cli("run").status == 0
    assert "did you mean `raw.orders`?" in project.cli("config", "check").out


def test_a_dbt_target_that_no_version_can_be_built_with(tmp_path: Path) -> None:
    project = small_project.make(tmp_path / "shop")
    write_dbt(project)
    project.configure(step="- {name: transform, dbt: transform}")
    assert "unclear" not in project.cli("config", "check").out
    profiles = project.root / "transform" / "profiles.yml"
    outputs = "shop: {target: prod, outputs: {prod: {type: postgres, host: db, dbname: shop, schema: marts}}}"
    profiles.write_text(outputs, encoding="utf-8")
    for command in (("config", "check"), ("run",)):
        assert_refused(project.cli(*command), says="is of type `postgres`", hint="use a target of type `duckdb`")
    written = (project.root / "tidegate.yml").read_bytes()
    assert_refused(
        project.cli("init", "--force"),
        says="can be run: target `prod` of profile `shop` is of type `postgres`",
        hint="a `run:` step that copies",
    )
    assert (project.root / "tidegate.yml").read_bytes() == written, "nothing is written that could not be run"
    (project.root / "shop.py").write_text(
        "import dlt\n\npipeline = dlt.pipeline('shop', destination='duckdb', dataset_name='raw')\n", encoding="utf-8"
    )
    told = project.cli("init", "--force")
    assert told.status == 0, "the load can be run; what cannot is told"
    assert "`tidegate run` refuses it: use a target of type `duckdb`" in told.out
    profiles.unlink()
    told = project.cli("config", "check")
    assert (told.status, "unclear    the target of step transform: no profiles.yml in" in told.out) == (0, True)
