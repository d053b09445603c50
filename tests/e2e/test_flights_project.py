"""The flights project by hand: real dlt and dbt, January and a week, the storm, then the fault that neither notices."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tidegate.kit.flights.generate import FAULTS, Delivery, day, deliver, write_project

STORM = 39
DBT = Path(sys.executable).with_name("dbt")


def run(cwd: Path, *command: str | Path) -> str:
    """Run a step that must be green; dlt's working directory is beside the project, not the user's own."""
    env = {**os.environ, "PIPELINES_DIR": str(cwd.parent / "dlt-state")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "deprecat" not in output.lower()
    return output


def play(project: Path, through: int, fault: str | None = None) -> Delivery:
    """Deliver, load and transform; both steps are green, without a warning."""
    delivery = deliver(project, through=through, fault=fault)
    run(project, sys.executable, "ingest/flights.py")
    output = run(project / "transform", DBT, "build", "--profiles-dir", ".", "--target-path", project.parent / "target")
    assert "WARN=0 ERROR=0 SKIP=0" in output
    return delivery


def query(project: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(project / "flights.duckdb"), read_only=True) as database:
        return database.execute(sql).fetchall()


def source(project: Path, feed: str) -> Iterator[tuple[str, int]]:
    """Day and number of lines of each file."""
    for path in sorted((project / "source" / feed).iterdir()):
        yield path.stem, path.read_bytes().count(b"\n")


def mean_delay(project: Path, n: int, origin: str) -> float:
    """Of the departures in the source's file."""
    lines = (project / "source/flights" / f"{day(n)}.jsonl").read_text().splitlines()
    flights = [json.loads(line) for line in lines]
    delays = [f["dep_delay"] for f in flights if f["origin"] == origin and f["dep_delay"] is not None]
    return sum(delays) / len(delays)


def assert_loaded(project: Path, delivery: Delivery) -> None:
    """The raw tables hold what the source does, each day in a load of its own, and the mart every flight."""
    for table, rows in delivery.rows.items():
        assert query(project, f"select count(*) from raw.{table}") == [(rows,)]
    for feed, time in (("flights", "scheduled_at"), ("weather", "observed_at")):
        by_day = query(
            project,
            f"select strftime({time}, '%Y-%m-%d') as day, count(*), count(distinct _dlt_load_id)"
            f" from raw.{feed} group by day order by day",
        )
        assert by_day == [(name, lines, 1) for name, lines in source(project, feed)]
        loads = query(project, f"select count(distinct _dlt_load_id) from raw.{feed}")
        assert loads == [(delivery.through,)]
    mart = query(project, "select sum(flights), count(*) from analytics.mart_daily_delays")
    assert mart == [(delivery.rows["flights"], 3 * delivery.through)]


@pytest.mark.soak
def test_storm_and_fault_go_through_green_pipelines(tmp_path):
    project = tmp_path / "flights"
    write_project(project)

    assert_loaded(project, play(project, STORM - 1))
    assert (tmp_path / "dlt-state/flights").is_dir()
    assert not (project / ".dlt/pipelines").exists()

    with duckdb.connect(str(project / "flights.duckdb")) as database:
        database.execute("update analytics.mart_daily_delays set max_wind_mph = -1")
    assert_loaded(project, play(project, STORM))
    rebuilt = "select distinct flight_date::varchar from analytics.mart_daily_delays where max_wind_mph <> -1"
    assert query(project, rebuilt) == [("2013-02-08",)]  # no other day was touched by the load

    fault = FAULTS["seconds"]
    assert_loaded(project, play(project, fault.day, "seconds"))
    cancelled = "select flight_date::varchar, sum(cancelled) / sum(flights) from analytics.mart_daily_delays group by 1"
    shares = dict(query(project, cancelled))
    assert [round(shares.pop(d), 2) for d in ("2013-02-08", "2013-02-09")] == [0.51, 0.57]
    assert max(shares.values()) < 0.11

    told = dict(
        query(
            project,
            f"select origin, avg_departure_delay_min from analytics.mart_daily_delays"
            f" where flight_date = '{day(fault.day)}'",
        )
    )
    assert told == pytest.approx({origin: mean_delay(project, fault.day, origin) for origin in ("EWR", "JFK", "LGA")})
    deliver(project, through=fault.day)
    assert told["EWR"] == pytest.approx(60 * mean_delay(project, fault.day, "EWR"))
    assert told["JFK"] == pytest.approx(mean_delay(project, fault.day, "JFK"))
    run(project, sys.executable, "ingest/flights.py")  # a file that was loaded is not loaded again
    assert query(project, "select count(*) from raw._dlt_loads") == [(fault.day,)]
