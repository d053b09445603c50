"""Loads the history of the stream into tables; `tidegate run` starts it as a step and judges what it wrote.

New files of the history are added; the tables that are derived from it are made anew. A device is silent by
the watermark, the newest event of the fleet, and not by the clock of this machine. Written for DuckDB; `TIDEGATE_DATABASE` names the file.
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.ledger import lines, messages, objects, release, written

LATE_FILES = timedelta(days=8)
"""A batch that is tried again lands in the hour of its first record; the stream keeps records for at most so long.

After a replay of what is older, `WHOLE_HISTORY=1 tidegate run` looks at every file once.
"""

READERS = 8

COLUMNS = (
    "object_key", "shard", "sequence", "device_id", "arrived_at", "outcome", "reason", "detail", "event_time",
    "temperature_c", "schema_version", "field_types",
)  # fmt: skip

TABLES = """
create schema if not exists iot;
create table if not exists iot.objects (object_key varchar primary key, records bigint, loaded_at timestamptz, etag varchar);
alter table iot.objects add column if not exists etag varchar;
create table if not exists iot.records (
    shard varchar, sequence decimal(38, 0), device_id varchar, arrived_at timestamptz, outcome varchar, reason varchar,
    detail varchar, event_time timestamptz, temperature_c double, schema_version integer, field_types varchar,
    primary key (shard, sequence)
);
"""

DERIVED = """
create or replace table iot.readings as
select
    shard, sequence, device_id, event_time, arrived_at, temperature_c, schema_version,
    date_diff('millisecond', event_time, arrived_at) / 1000.0 as lag_s,
    date_diff('millisecond', event_time, arrived_at) > 60000 as is_late,
    row_number() over (partition by device_id, event_time, temperature_c order by arrived_at, sequence) > 1 as is_duplicate
from iot.records
where outcome = 'accepted';

create or replace table iot.rejected as
select shard, sequence, device_id, arrived_at, outcome, reason, detail from iot.records where outcome <> 'accepted';

create or replace table iot.minutes as
select
    time_bucket(interval 1 minute, arrived_at) as minute,
    count(*) as readings,
    count(distinct device_id) as devices,
    quantile_cont(lag_s, 0.5) as lag_p50_s,
    quantile_cont(lag_s, 0.95) as lag_p95_s,
    max(lag_s) as lag_max_s,
    avg(is_late::integer) as late_share,
    avg(is_duplicate::integer) as duplicate_share,
    max(event_time) as watermark
from iot.readings
group by 1;

create or replace table iot.devices as
with clock as (
    select coalesce(max(event_time), (select max(arrived_at) from iot.records)) as watermark from iot.readings
), arrived as (
    select *, row_number() over (partition by device_id order by arrived_at desc, sequence desc) as back
    from iot.records
), refusals as (
    select
        device_id, min(arrived_at) as first_arrived, max(arrived_at) as last_arrived,
        avg((outcome <> 'accepted')::integer) filter (where back <= 100) as refused_share,
        avg((coalesce(reason, '') like 'clock-%')::integer) filter (where back <= 100) as wrong_clock_share
    from arrived
    group by device_id
), received as (
    select
        *,
        row_number() over (partition by device_id order by arrived_at desc, sequence desc) as back,
        event_time < max(event_time) over (
            partition by device_id order by arrived_at, sequence rows between unbounded preceding and 1 preceding
        ) as is_out_of_order
    from iot.readings
), arrivals as (
    select
        device_id,
        avg(is_duplicate::integer) filter (where back <= 100) as duplicate_share,
        avg(is_late::integer) filter (where back <= 100) as late_share,
        avg(coalesce(is_out_of_order, false)::integer) filter (where back <= 100) as out_of_order_share
    from received
    group by device_id
), ordered as (
    select
        *,
        row_number() over newest as back,
        count(*) over (partition by device_id) as readings,
        temperature_c - lag(temperature_c) over oldest as rise,
        lead(temperature_c) over oldest - temperature_c as fall
    from iot.readings
    where not is_duplicate
    window
        newest as (partition by device_id order by event_time desc, sequence desc),
        oldest as (partition by device_id order by event_time, sequence)
), recent as (
    select
        device_id, any_value(readings) as readings, max(event_time) as last_event,
        count(*) filter (where back <= 20) as looked_at,
        count(distinct temperature_c) filter (where back <= 20) as distinct_recent,
        -- there and back again by more than 10 °C: a spike, not a change
        avg((abs(rise) > 10 and abs(fall) > 10 and sign(rise) <> sign(fall))::integer) filter (where back <= 100) as jump_share,
        median(temperature_c) filter (where back <= 10) as median_recent,
        -- at least 30 of them, and not those that a fault of the last hours may have spoilt
        median(temperature_c) filter (where back > readings * 0.75) as median_before
    from ordered
    group by device_id
)
select
    device_id, coalesce(readings, 0) as readings, last_event, last_arrived,
    date_diff('millisecond', coalesce(last_event, first_arrived), watermark) / 1000.0 as silent_s,
    coalesce(looked_at >= 20 and distinct_recent = 1, false) as is_stuck,
    median_recent, median_before,
    -- °F for °C: what came is nearer to the past in °F than to the past in °C, by far
    coalesce(
        readings >= 40 and abs(median_recent - (median_before * 1.8 + 32)) < abs(median_recent - median_before) / 2, false
    ) as looks_like_fahrenheit,
    coalesce(jump_share, 0) as jump_share, refused_share, wrong_clock_share, coalesce(duplicate_share, 0) as duplicate_share,
    coalesce(late_share, 0) as late_share, coalesce(out_of_order_share, 0) as out_of_order_share
from refusals left join recent using (device_id) left join arrivals using (device_id), clock;

create or replace table iot.fields as
with sent as (
    select schema_version, arrived_at, unnest(from_json(field_types, '["varchar"]')) as field
    from iot.records
    where outcome = 'accepted'
)
select
    schema_version,
    split_part(field, ':', 1) as field,
    split_part(field, ':', 2) as json_type,
    count(*) as records,
    min(arrived_at) as first_seen,
    max(arrived_at) as last_seen
from sent
group by all;
"""

RECONCILED = """
create or replace table iot.reconciliation as
select
    now() as taken_at,
    ?::bigint as sent,
    (select count(*) from iot.records where outcome = 'accepted') as stored,
    (select count(*) from iot.records where outcome = 'quarantined') as quarantined,
    (select count(*) from iot.records where outcome = 'dead') as dead,
    (select count(*) from seen where source = 'given up') as batches_given_up,
    case when ?::bigint is not null then (
        select count(*) from seen as s
        where s.source = 'sent'
            and not exists (select 1 from iot.records as r where r.shard = s.shard and r.sequence = s.sequence)
            and not exists (
                select 1 from seen as g
                where g.source = 'given up' and g.shard = s.shard and s.sequence between g.sequence and g.last
            )
    ) end as unaccounted,
    (
        select count(*) from iot.records as r
        where r.outcome = 'quarantined' and not exists (
            select 1 from seen as s where s.source = 'quarantine' and s.shard = r.shard and s.sequence = r.sequence
        )
    ) as missing_from_quarantine,
    (
        select count(*) from iot.records as r
        where r.outcome = 'dead' and r.arrived_at > now() - interval 1 day and not exists (
            select 1 from seen as s where s.source = 'letters' and s.shard = r.shard and s.sequence = r.sequence
        )
    ) as missing_from_dead_letters
"""

BETTER = "case {} when 'accepted' then 3 when 'quarantined' then 2 else 1 end"
"""A record that was replayed after a repair is what it came to at best; it still counts once."""

SETTLED_S = 60
"""A record that was sent so long before the load is in the history by now, or it is missing."""

KNOWN_FIELDS = """
create or replace table iot.contract_fields as
select * from (values {values}) as known (schema_version, field, json_type)
"""


def main() -> int:
    base = duckdb.connect(os.environ["TIDEGATE_DATABASE"])
    try:
        bucket, s3 = os.environ["BUCKET_NAME"], boto3.client("s3")
        base.execute(TABLES)
        loaded = load(base, s3, bucket)
        base.execute(DERIVED)
        known_fields(base)
        reconciliation(base, s3, bucket)
        base.execute("checkpoint")
    finally:
        base.close()
    sys.stdout.write(f"{loaded} new records\n")
    return 0


def load(base: duckdb.DuckDBPyConnection, s3: Any, bucket: str) -> int:
    """Add the files that are not loaded yet, or were written again; returns how many records they hold.

    A record counts once, whatever file it is in. A replay of a whole batch writes its file again, with what came of it now.
    """
    known = dict(base.execute("select object_key, etag from iot.objects").fetchall())
    after = ""
    if known and not os.environ.get("WHOLE_HISTORY"):
        newest = max(known).split("/")[2].removeprefix("dt=")
        after = f"raw/v1/dt={datetime.fromisoformat(newest) - LATE_FILES:%Y-%m-%d}"
    etags = {key: etag for key, etag in written(s3, bucket, "raw/", after=after) if known.get(key) != etag}
    new = list(etags)
    if not new:
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            with ThreadPoolExecutor(READERS) as pool:  # each waits for the network most of the time
                for key, found in zip(new, pool.map(lambda k: list(lines(s3, bucket, k)), new), strict=True):
                    writer.writerows([[*_row(key, line), etags[key]] for line in found])
        columns = ", ".join(f"'{c}': 'varchar'" for c in (*COLUMNS, "etag"))
        base.execute(
            f"create or replace temp table new as select * from read_csv(?, header = false, nullstr = '', columns = {{{columns}}})",
            [str(path)],
        )
    base.execute("begin")
    base.execute(f"""
        insert into iot.records
        select shard, sequence::decimal(38, 0), device_id, arrived_at::timestamptz, outcome, reason, detail,
            event_time::timestamptz, temperature_c::double, schema_version::integer, field_types
        from new
        qualify row_number() over (partition by shard, sequence order by {BETTER.format("outcome")} desc, object_key) = 1
        on conflict (shard, sequence) do update set
            outcome = excluded.outcome, reason = excluded.reason, detail = excluded.detail, device_id = excluded.device_id,
            event_time = excluded.event_time, temperature_c = excluded.temperature_c,
            schema_version = excluded.schema_version, field_types = excluded.field_types
        where {BETTER.format("excluded.outcome")} > {BETTER.format("records.outcome")}
    """)
    base.execute(
        "insert into iot.objects select object_key, count(*), now(), any_value(etag) from new group by object_key"
        " on conflict do update set records = excluded.records, loaded_at = excluded.loaded_at, etag = excluded.etag"
    )
    base.execute("commit")
    (count,) = base.execute("select count(*) from new").fetchall()[0]
    base.execute("drop table new")
    return int(count)


def _row(key: str, line: dict[str, Any]) -> list[object]:
    accepted = line["outcome"] == "accepted"
    return [
        key,
        line["shard"],
        line["sequence"],
        line.get("device_id", line["partition_key"]),
        _iso(line["arrived_ms"]),
        line["outcome"],
        line.get("reason"),
        (line.get("detail") or "")[:200].replace("\x00", "") or None,
        _iso(line["event_ms"]) if accepted else None,
        line.get("temperature_c"),
        line.get("schema_version"),
        json.dumps([f"{name}:{_type(value)}" for name, value in json.loads(line["data"]).items()])
        if accepted
        else None,
    ]


def _iso(ms: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat()


def _type(value: object) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def known_fields(base: duckdb.DuckDBPyConnection) -> None:
    """The fields of the contracts, to compare with those that are sent."""
    rows = [row for schema in _contracts() for row in schema]
    values = ", ".join(["(?, ?, ?)"] * len(rows))
    base.execute(KNOWN_FIELDS.format(values=values), [cell for row in rows for cell in row])


def _contracts() -> Iterator[list[tuple[int, str, str]]]:
    folder = Path(__file__).resolve().parent.parent / "ingest" / "contracts"
    for path in sorted(folder.glob("reading.v*.json")):
        fields = json.loads(path.read_text(encoding="utf-8"))["properties"]
        version = fields["schema_version"]["const"]
        yield [(version, name, _declared(said)) for name, said in fields.items()]


def _declared(said: dict[str, Any]) -> str:
    values = said.get("enum", [said.get("const")])
    return str(said.get("type") or _type(values[0]))


def reconciliation(base: duckdb.DuckDBPyConnection, s3: Any, bucket: str) -> None:
    """One row: what was sent, as far as a ledger is here, and what became of it, from every source, record by record.

    Of dead letters only the last day is demanded: older ones were replayed or dropped by somebody.
    """
    quarantined = [
        (i["shard"], i["sequence"]) for k in objects(s3, bucket, "quarantine/") for i in lines(s3, bucket, k)
    ]
    sqs, queue = boto3.client("sqs"), os.environ["DEAD_LETTER_URL"]
    letters = list(messages(sqs, queue))
    release(sqs, queue, [m["receipt"] for m in letters])
    given_up = [m["KinesisBatchInfo"] for m in letters if "KinesisBatchInfo" in m]
    base.execute("create temp table seen (source varchar, shard varchar, sequence decimal(38, 0), last decimal(38, 0))")
    rows = [("quarantine", *row, None) for row in quarantined]
    rows += [("letters", m["shard"], m["sequence"], None) for m in letters if m.get("kind") == "record"]
    rows += [("given up", g["shardId"], g["startSequenceNumber"], g["endSequenceNumber"]) for g in given_up]
    sent = _sent()
    rows += [("sent", *row, None) for row in sent or []]
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
        file.flush()
        columns = "{'source': 'varchar', 'shard': 'varchar', 'sequence': 'decimal(38, 0)', 'last': 'decimal(38, 0)'}"
        base.execute(
            f"insert into seen select * from read_csv(?, header = false, nullstr = '', columns = {columns})",
            [file.name],
        )
    base.execute(RECONCILED, [None if sent is None else len(sent)] * 2)
    base.execute("drop table seen")


def _sent() -> list[tuple[str, str]] | None:
    """The records that the simulator noted a while ago; None where there is no ledger."""
    path = os.environ.get("SENT_LEDGER")
    if not path or not Path(path).exists():
        return None
    base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        before = datetime.now(UTC).timestamp() - SETTLED_S
        return base.execute("select shard, sequence from sent where sent_at < ?", (before,)).fetchall()
    finally:
        base.close()


if __name__ == "__main__":
    sys.exit(main())
