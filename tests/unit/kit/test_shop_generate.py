"""What the shop's source system holds day by day, with and without its faults."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing

import pytest

from tidegate.kit.shop import generate
from tidegate.kit.shop.generate import DAYS, FAULTS, FIRST_DAY, day, deliver, write_project

N = 12
TABLES = ("customers", "products", "orders", "order_items")


def table(folder, name):
    """The rows of a table of the shop's database, by primary key."""
    with closing(sqlite3.connect(folder / "source" / "shop.db")) as database:
        rows = database.execute(f"select * from {name}")
        columns = [column[0] for column in rows.description]
        return {row[0]: dict(zip(columns, row, strict=True)) for row in rows}


def files(folder):
    return {path.name: path.read_bytes() for path in (folder / "source" / "payments").iterdir()}


def payments(folder, n):
    lines = files(folder)[f"{day(n)}.jsonl"].splitlines()
    return {p["payment_id"]: p for p in map(json.loads, lines)}


def source(folder):
    """All that the pipeline can see of the source."""
    return {name: table(folder, name) for name in TABLES}, files(folder)


def digest(folder):
    tables, delivered = source(folder)
    text = repr(sorted((name, sorted(rows.items())) for name, rows in tables.items())) + repr(sorted(delivered.items()))
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The source at the end of day `N`, delivered at once; not to be changed."""
    folder = tmp_path_factory.mktemp("sound")
    deliver(folder, through=N)
    return folder


@pytest.fixture(scope="module")
def struck(tmp_path_factory):
    """Deliver day `N` with a fault, once for all tests; not to be changed."""
    folders = {}

    def with_fault(name):
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name)
            deliver(folders[name], through=N, fault=name)
        return folders[name]

    return with_fault


@pytest.mark.slow
def test_all_days_are_about_two_hundred_thousand_rows(tmp_path):
    delivery = deliver(tmp_path, through=DAYS)
    assert (delivery.through, delivery.date, delivery.fault) == (DAYS, day(DAYS), None)
    assert set(delivery.rows) == {*TABLES, "payments"}
    assert 190_000 < sum(delivery.rows.values()) < 210_000
    assert {name: len(rows) for name, rows in source(tmp_path)[0].items()} == {t: delivery.rows[t] for t in TABLES}
    assert set(files(tmp_path)) == {f"{day(n)}.jsonl" for n in range(1, DAYS + 1)}
    assert sum(content.count(b"\n") for content in files(tmp_path).values()) == delivery.rows["payments"]


def test_the_source_is_the_same_on_every_machine(sound, tmp_path):
    """A change to the made-up shop changes this; another Python, another hash seed or another time zone must not."""
    assert digest(sound) == "2a4590c36689ef9b5c3d96a5737c957e7ecf361fa4d507550393b81f84ed09b6"
    code = "import sys, pathlib; from tidegate.kit.shop.generate import deliver; deliver(pathlib.Path(sys.argv[1]), through=12)"
    for hash_seed, zone in (("0", "UTC"), ("4711", "America/New_York")):
        folder = tmp_path / hash_seed
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
        subprocess.run([sys.executable, "-c", code, str(folder)], env=env, check=True, timeout=60)
        assert source(folder) == source(sound)
        assert (folder / "source/shop.db").read_bytes() == (sound / "source/shop.db").read_bytes()


def test_another_seed_is_another_shop(sound, tmp_path):
    deliver(tmp_path, through=N, seed=8)
    assert digest(tmp_path) != digest(sound)
    deliver(tmp_path, through=N)
    assert digest(tmp_path) == digest(sound)


def test_day_by_day_is_the_same_as_at_once(sound, tmp_path):
    for n in (1, 2, 7, 8, 9, N):
        deliver(tmp_path, through=n)
    assert source(tmp_path) == source(sound)


def test_delivering_again_changes_nothing(sound, tmp_path):
    first = deliver(tmp_path, through=N)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "source/payments").iterdir()}
    assert deliver(tmp_path, through=N) == first
    assert source(tmp_path) == source(sound)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "source/payments").iterdir()} == stamps


def test_an_earlier_day_can_be_delivered_again(sound, tmp_path):
    deliver(tmp_path, through=N + 3)
    deliver(tmp_path, through=N)
    assert source(tmp_path) == source(sound)


def test_a_day_adds_what_happened_on_it(sound, tmp_path):
    deliver(tmp_path, through=N - 1)
    before, old_files = source(tmp_path)
    after, new_files = source(sound)
    for name in TABLES:
        assert before[name].keys() <= after[name].keys()
        changed = [row for key, row in after[name].items() if before[name].get(key) != row]
        assert changed or name == "products"
        assert all(row["updated_at"].startswith(str(day(N))) for row in changed)
    assert new_files.items() - old_files.items() == {(f"{day(N)}.jsonl", new_files[f"{day(N)}.jsonl"])}
    changed_orders = [row for key, row in after["orders"].items() if before["orders"].get(key) != row]
    assert {"returned"} < {row["status"] for row in changed_orders}
    assert any(row["created_at"] < str(day(N)) < row["recorded_at"] for row in changed_orders)


@pytest.mark.parametrize("n", [-1, 0, DAYS + 1])
def test_a_day_outside_the_shop_is_refused(tmp_path, n):
    with pytest.raises(ValueError, match=f"no day `{n}`.*\nhint: choose a day from 1 to {DAYS}"):
        deliver(tmp_path, through=n)
    assert not list(tmp_path.iterdir())


def test_an_unknown_fault_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no fault `flood`.*\nhint: choose one of missing_country, cents"):
        deliver(tmp_path, through=1, fault="flood")
    assert not list(tmp_path.iterdir())


def test_the_demo_plays_three_faults_after_the_first_load():
    assert list(FAULTS) == ["missing_country", "cents", "delivered_twice"]
    assert all(name == fault.name and fault.title.endswith(".") for name, fault in FAULTS.items())
    assert sorted({fault.day for fault in FAULTS.values()}) == [fault.day for fault in FAULTS.values()]
    assert all(81 < fault.day <= DAYS for fault in FAULTS.values())
    assert day(1) == FIRST_DAY


def test_missing_country_takes_the_days_german_orders_out_of_the_database_only(sound, struck):
    sound_tables, sound_files = source(sound)
    tables, delivered = source(struck("missing_country"))
    gone = {
        key: row
        for key, row in sound_tables["orders"].items()
        if row["country"] == "DE" and row["created_at"].startswith(str(day(N)))
    }
    assert 100 < len(gone) < 300
    assert tables["orders"] == {key: row for key, row in sound_tables["orders"].items() if key not in gone}
    lines = sound_tables["order_items"]
    assert tables["order_items"] == {key: row for key, row in lines.items() if row["order_id"] not in gone}
    assert (tables["customers"], tables["products"]) == (sound_tables["customers"], sound_tables["products"])
    assert delivered == sound_files


def test_cents_multiplies_the_days_app_amounts_and_their_payments(sound, struck):
    sound_tables, sound_files = source(sound)
    tables, delivered = source(struck("cents"))
    hit = {
        key
        for key, row in sound_tables["orders"].items()
        if row["channel"] == "app" and row["created_at"].startswith(str(day(N)))
    }
    assert 80 < len(hit) < 300
    for key, row in sound_tables["orders"].items():
        factor = 100 if key in hit else 1
        amounts = {c: round(row[c] * factor, 2) for c in ("total_amount", "discount_amount", "shipping_amount")}
        assert tables["orders"][key] == {**row, **amounts}
    for key, row in sound_tables["order_items"].items():
        factor = 100 if row["order_id"] in hit else 1
        amounts = {c: round(row[c] * factor, 2) for c in ("unit_price", "line_amount")}
        assert tables["order_items"][key] == {**row, **amounts}
    assert [name for name in delivered if delivered[name] != sound_files[name]] == [f"{day(N)}.jsonl"]
    struck_payments = payments(struck("cents"), N)
    for key, payment in payments(sound, N).items():
        factor = 100 if payment["order_id"] in hit else 1
        amounts = {c: f"{float(payment[c]) * factor:.2f}" for c in ("amount", "fee_amount")}
        assert struck_payments[key] == {**payment, **amounts}


def test_delivered_twice_adds_the_days_file_under_another_name(sound, struck):
    sound_tables, sound_files = source(sound)
    tables, delivered = source(struck("delivered_twice"))
    assert tables == sound_tables
    (again,) = delivered.keys() - sound_files.keys()
    assert again.startswith(str(day(N)))
    assert again.endswith(".jsonl")
    assert delivered == {**sound_files, again: sound_files[f"{day(N)}.jsonl"]}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_the_same_again_and_on_a_day_already_delivered(tmp_path, struck, fault):
    deliver(tmp_path, through=N)
    assert deliver(tmp_path, through=N, fault=fault).fault == fault
    assert source(tmp_path) == source(struck(fault))
    deliver(tmp_path, through=N, fault=fault)
    assert source(tmp_path) == source(struck(fault))


@pytest.mark.parametrize("fault", FAULTS)
def test_delivering_the_day_without_its_fault_repairs_the_source(sound, tmp_path, fault):
    deliver(tmp_path, through=N - 1)
    deliver(tmp_path, through=N, fault=fault)
    assert source(tmp_path) != source(sound)
    deliver(tmp_path, through=N)
    assert source(tmp_path) == source(sound)


def test_a_later_day_repairs_the_source_too(sound, tmp_path):
    deliver(tmp_path, through=N - 2, fault="missing_country")
    deliver(tmp_path, through=N - 1, fault="cents")
    deliver(tmp_path, through=N)
    assert source(tmp_path) == source(sound)


def test_an_interrupted_delivery_is_put_right_by_the_next(sound, tmp_path, monkeypatch):
    deliver(tmp_path, through=N - 1)
    before = source(tmp_path)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(generate, "_deliver_files", killed)
        with pytest.raises(KeyboardInterrupt):
            deliver(tmp_path, through=N)
    assert source(tmp_path) == before
    deliver(tmp_path, through=N)
    assert source(tmp_path) == source(sound)


def test_a_lost_file_comes_again_and_a_strange_one_goes(sound, tmp_path):
    deliver(tmp_path, through=N)
    (tmp_path / "source/payments" / f"{day(3)}.jsonl").unlink()
    (tmp_path / "source/payments/strange.draft").touch()
    deliver(tmp_path, through=N)
    assert source(tmp_path) == source(sound)


def test_payments_are_those_of_the_file_s_day(sound):
    statuses = Counter()
    for n in range(1, N + 1):
        made = payments(sound, n)
        assert len(made) == files(sound)[f"{day(n)}.jsonl"].count(b"\n")
        assert all(p["paid_at"].startswith(f"{day(n)}T") and p["paid_at"].endswith("Z") for p in made.values())
        statuses.update(p["status"] for p in made.values())
    assert set(statuses) == {"captured", "declined", "refunded"}


def test_write_project_writes_the_files_of_a_team(tmp_path):
    write_project(tmp_path / "shop")
    written = {
        path.relative_to(tmp_path / "shop").as_posix() for path in (tmp_path / "shop").rglob("*") if path.is_file()
    }
    assert {
        ".dlt/config.toml",
        ".gitignore",
        "README.md",
        "ingest/shop.py",
        "transform/dbt_project.yml",
        "transform/profiles.yml",
        "transform/models/marts/fct_orders.sql",
        "transform/snapshots/customers_snapshot.yml",
    } <= written
    assert not [
        name for name in written if "dot_" in name or "__pycache__" in name or "target/" in name or "logs/" in name
    ]
    assert "source/" in (tmp_path / "shop/.gitignore").read_text()
    assert ".duckdb" not in (tmp_path / "shop/ingest/shop.py").read_text()


def test_write_project_writes_over_what_is_there_and_leaves_the_rest(tmp_path):
    write_project(tmp_path)
    readme = (tmp_path / "README.md").read_bytes()
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    write_project(tmp_path)
    assert (tmp_path / "README.md").read_bytes() == readme
    assert (tmp_path / "notes.txt").read_text() == "mine"
