"""A small project for every kind of step, with a stand-in for the tool, so that any behaviour costs milliseconds."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tidegate.integrations.command import CommandStep
from tidegate.integrations.dbt import DbtStep
from tidegate.integrations.dlt import DltStep
from tidegate.ports import Step, StepContext

STAND_IN_DBT = """\
import json, os, pathlib, sys, time, uuid

target = pathlib.Path(os.environ.get("DBT_TARGET_PATH", "target"))
said = dict(line.split(": ") for line in pathlib.Path("dbt_project.yml").read_text().splitlines())
shop = said["name"]
profiles = json.loads((pathlib.Path(os.environ["DBT_PROFILES_DIR"]) / "profiles.yml").read_text())
behaviour = pathlib.Path("behaviour").read_text().split()
invocation = {"metadata": {"invocation_id": str(uuid.uuid4()), "project_name": shop}}
config = {"materialized": "table"}


def say(name, msg, level="info", **data):
    if os.environ.get("DBT_LOG_FORMAT") == "json":
        print(json.dumps({"info": {"name": name, "msg": msg, "level": level, "ts": ""}, "data": data}), flush=True)
    else:
        print(msg, flush=True)


def node(unique_id, **more):
    kind, package, name = unique_id.split(".")
    base = {"resource_type": kind, "package_name": package, "name": name, "alias": name, "schema": "marts",
            "original_file_path": f"models/{name}.sql", "config": config, "depends_on": {"nodes": [], "macros": []}}
    return unique_id, base | more


say("MainReportVersion", "stand-in " + " ".join(sys.argv[1:]))
if "hang" in behaviour:
    time.sleep(600)
if "die" in behaviour:
    os.kill(os.getpid(), 9)
if "crash" in behaviour:
    say("MainEncounteredError", "Compilation Error\\n  the project is broken", "error")
    sys.exit(2)
metadata = {"name": "unique", "namespace": None, "kwargs": {"column_name": "id", "model": "{{ ref('orders') }}"}}
nodes = dict([
    node(f"model.{shop}.orders"),
    node(f"test.{shop}.unique_orders", attached_node=f"model.{shop}.orders", column_name="id", test_metadata=metadata),
])
target.mkdir(parents=True, exist_ok=True)
(target / "manifest.json").write_text(json.dumps(invocation | {"nodes": nodes}))
if "nothing" in behaviour:
    say("NoNodesForSelectionCriteria", "The selection criterion 'x' does not match any enabled nodes", "warn")
    sys.exit(0)
results = [(f"model.{shop}.orders", "error" if "fail" in behaviour else "success", None, "Binder Error: no `x`")]
results.append((f"test.{shop}.unique_orders", "fail" if "findings" in behaviour else "pass", 2, "Got 2 results"))
for index, (unique_id, status, _, _) in enumerate(results, 1):
    say("LogModelResult", f"{unique_id} {status}", index=index, total=2, node_info={"node_name": unique_id})
profile = profiles[said["profile"]]
output = profile["outputs"][os.environ.get("DBT_TARGET") or profile["target"]]
pathlib.Path(output["path"]).write_text("built")
rows = [{"unique_id": i, "status": s, "failures": f, "message": m} for i, s, f, m in results]
(target / "run_results.json").write_text(json.dumps(invocation | {"results": rows, "args": {"which": sys.argv[1]}}))
sys.exit(1 if {"fail", "findings"} & {*behaviour} else 0)
"""

STAND_IN_LOAD = """\
import json, os, pathlib, sys, time
if False:
    import dlt
    dlt.pipeline("shop", destination="duckdb", dataset_name="raw")

behaviour = pathlib.Path(__file__).with_name("behaviour").read_text().split()
print("stand-in", *sys.argv[1:], flush=True)
if "hang" in behaviour:
    time.sleep(600)
if "die" in behaviour:
    os.kill(os.getpid(), 9)
if "fail" in behaviour:
    raise ValueError("the source is broken")
work = pathlib.Path(os.environ["PIPELINES_DIR"]) / "shop"
package = work / "load" / "loaded" / f"{time.time()}"
(package / "failed_jobs").mkdir(parents=True)
(package / "package_completed.json").write_text("loaded")
(work / "schemas").mkdir(exist_ok=True)
(work / "state.json").write_text(json.dumps({"dataset_name": "raw"}))
(work / "schemas" / "shop.schema.json").write_text(json.dumps({"tables": {"orders": {"columns": {"id": {}}}}}))
if "failed-job" in behaviour:
    (package / "failed_jobs" / "orders.abc.0.jsonl").touch()
pathlib.Path(os.environ["DESTINATION__DUCKDB__CREDENTIALS"]).write_text("built")
"""

STAND_IN_COMMAND = """\
echo stand-in
case "$(cat behaviour)" in
  *hang*) sleep 600;;
  *die*) kill -9 $$;;
  *fail*) echo "ValueError: the command is broken" >&2; exit 3;;
esac
echo built > "$TIDEGATE_DATABASE"
"""


class Quiet:
    """A progress that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.advances: list[tuple[int, int, str]] = []

    def stage(self, name: str, detail: str = "") -> None: ...

    def advance(self, done: int, total: int, what: str = "") -> None:
        self.advances.append((done, total, what))

    def say(self, line: str) -> None:
        self.said.append(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One kind of step in its project.

    `make` builds the step from extra options; `gone` is a way to build it so that its path does not exist, `unable` so
    that its tool does not; `tool` is the file whose loss makes `run` fail.
    """

    kind: str
    project: Path
    folder: Path
    make: Callable[[Mapping[str, object]], Step]
    gone: Callable[[], Step]
    unable: Callable[[], Step]
    tool: Path
    groups: list[int] = field(default_factory=list)

    def behave(self, *words: str) -> None:
        (self.folder / "behaviour").write_text(" ".join(words))

    def context(self, *, number: int = 1, timeout_s: float = 30.0) -> StepContext:
        """A candidate as the DuckDB warehouse makes it: a folder per version, and a link that is the same in every run."""
        folder = self.project / "warehouse" / "versions" / f"{number:06}"
        (folder / "state").mkdir(parents=True, exist_ok=True)
        stable = self.project / "warehouse" / "candidate"
        stable.unlink(missing_ok=True)
        stable.symlink_to(folder)
        return StepContext(
            project=self.project,
            database=folder / "shop.duckdb",
            stable_database=stable / "shop.duckdb",
            state=folder / "state",
            work=self.project / ".tidegate" / "work",
            logs=self.project / ".tidegate" / "logs" / str(number),
            timeout_s=timeout_s,
            on_start=self.groups.append,
        )


def executable(file: Path, text: str, interpreter: str = sys.executable) -> Path:
    """Write a program; the interpreter comes by `env -S`, because a path with a space cannot stand behind `#!`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'#!/usr/bin/env -S "{interpreter}"\n{text}')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def dbt_world(project: Path) -> World:
    folder = project / "transform"
    folder.mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    outputs = "dev: {type: duckdb, path: ../shop.duckdb}, prod: {type: duckdb, path: prod.duckdb}"
    (folder / "profiles.yml").write_text(f"shop: {{target: dev, outputs: {{{outputs}}}}}\n")
    world = World(
        kind="dbt",
        project=project,
        folder=folder,
        make=lambda options: DbtStep("transform", "transform", options),
        gone=lambda: DbtStep("transform", "no-such-folder", {}),
        unable=lambda: DbtStep("transform", "transform", {"executable": "./no-dbt"}),
        tool=executable(project / ".venv" / "bin" / "dbt", STAND_IN_DBT),
    )
    world.behave("succeed")
    return world


def dlt_world(project: Path) -> World:
    folder = project / "ingest"
    folder.mkdir(parents=True)
    (folder / "load.py").write_text(STAND_IN_LOAD)
    tool = project / ".venv" / "bin" / "python"
    tool.parent.mkdir(parents=True)
    tool.symlink_to(sys.executable)
    package = project / ".venv" / "lib" / "python3.11" / "site-packages" / "dlt"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    world = World(
        kind="dlt",
        project=project,
        folder=folder,
        make=lambda options: DltStep("load", "ingest/load.py", options),
        gone=lambda: DltStep("load", "ingest/no-such-script.py", {}),
        unable=lambda: DltStep("load", "ingest/load.py", {"python": "./no-python"}),
        tool=tool,
    )
    world.behave("succeed")
    return world


def command_world(project: Path) -> World:
    project.mkdir(parents=True)
    tool = executable(project / "build.sh", STAND_IN_COMMAND, interpreter="sh")
    world = World(
        kind="command",
        project=project,
        folder=project,
        make=lambda options: CommandStep("build", "./build.sh", options),
        gone=lambda: CommandStep("build", "./build.sh", {"cwd": "no-such-folder"}),
        unable=lambda: CommandStep("build", "./no-command", {}),
        tool=tool,
    )
    world.behave("succeed")
    return world


WORLDS: Mapping[str, Callable[[Path], World]] = {"dbt": dbt_world, "dlt": dlt_world, "command": command_world}
