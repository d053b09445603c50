-- Why: what was measured is the bulk of the file (25 tables give some 3,000 numbers a run), so what a number is about is
-- written once, in `series`, and a number is a row of about 30 bytes.
-- Times are microseconds since 1970-01-01 UTC. A `value` without a type keeps integers, floats and text as they came.
-- The writer takes the ids of datasets and series from this file in the same transaction; a foreign key on every
-- number would only cost time.

CREATE TABLE dataset (
    id        INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    UNIQUE (namespace, name)
);

CREATE TABLE series (
    id             INTEGER PRIMARY KEY,
    dataset        INTEGER NOT NULL REFERENCES dataset,
    metric         TEXT NOT NULL,
    column_name    TEXT,
    argument       TEXT,
    row_filter     TEXT,
    segment_column TEXT,
    segment_value  TEXT,                 -- NULL beside a segment_column means the segment of the NULLs
    unit           TEXT NOT NULL         -- of its first number; a number with another one carries it
);

-- NULLs are all different to a unique index, hence the pairs.
CREATE UNIQUE INDEX series_identity ON series (
    dataset, metric,
    ifnull(column_name, ''), column_name IS NULL,
    ifnull(argument, ''), argument IS NULL,
    ifnull(row_filter, ''), row_filter IS NULL,
    ifnull(segment_column, ''), segment_column IS NULL,
    ifnull(segment_value, ''), segment_value IS NULL
);

CREATE TABLE scan (
    version INTEGER PRIMARY KEY REFERENCES version (number) DEFERRABLE INITIALLY DEFERRED,
    marks   TEXT NOT NULL                -- JSON
);

-- Numbers about a whole dataset. A scan appends at the end of the tree; one dataset of one version lies together.
CREATE TABLE measurement (
    version  INTEGER NOT NULL,
    dataset  INTEGER NOT NULL,
    series   INTEGER NOT NULL,
    value,
    text     TEXT,                       -- a number that SQLite cannot hold: NaN, or an integer beyond 64 bits
    unit     TEXT,
    error    REAL NOT NULL,
    taken_at INTEGER NOT NULL,
    PRIMARY KEY (version, dataset, series)
) WITHOUT ROWID;

-- Numbers about a time bucket, written only by the versions that saw another value than their ancestors did.
-- `vanished` = 1: from this version on the bucket has no rows any more.
CREATE TABLE bucket (
    dataset      INTEGER NOT NULL,
    bucket_start INTEGER NOT NULL,
    bucket_end   INTEGER NOT NULL,
    series       INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    value,
    text         TEXT,
    unit         TEXT,
    error        REAL NOT NULL,
    taken_at     INTEGER NOT NULL,
    vanished     INTEGER NOT NULL,
    PRIMARY KEY (dataset, bucket_start, bucket_end, series, version)
) WITHOUT ROWID;

-- Checks and column lists hardly ever change from run to run: each is kept once.
CREATE TABLE document (
    id   INTEGER PRIMARY KEY,
    body TEXT NOT NULL UNIQUE            -- JSON: {"check": ..., "sql": ...} or [[column, type], ...]
);

CREATE TABLE result (
    version    INTEGER NOT NULL REFERENCES scan ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    definition INTEGER NOT NULL REFERENCES document,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    failures   INTEGER,
    evaluated  INTEGER,
    measured   TEXT,
    expected   TEXT,
    sample     TEXT,                     -- JSON
    PRIMARY KEY (version, position)
) WITHOUT ROWID;

CREATE TABLE finding (
    version  INTEGER NOT NULL REFERENCES scan ON DELETE CASCADE,
    position INTEGER NOT NULL,
    document TEXT NOT NULL,              -- JSON
    PRIMARY KEY (version, position)
) WITHOUT ROWID;

CREATE TABLE dataset_shape (
    version INTEGER NOT NULL REFERENCES scan ON DELETE CASCADE,
    dataset INTEGER NOT NULL REFERENCES dataset,
    shape   INTEGER NOT NULL REFERENCES document,
    PRIMARY KEY (version, dataset)
) WITHOUT ROWID;
