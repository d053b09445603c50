-- Why: commands ask "what is" far more often than "what happened". These tables answer that with one look-up; they are
-- written in the transaction of the event that changes them, and can be thrown away and replayed from the ledger.

CREATE TABLE run (
    started_event INTEGER PRIMARY KEY,   -- the event that started it: the order of runs
    id            TEXT NOT NULL UNIQUE,
    version       INTEGER,
    status        TEXT NOT NULL,
    started_at    TEXT NOT NULL,
    finished_at   TEXT,
    reason        TEXT
);

CREATE INDEX run_unfinished ON run (started_event) WHERE finished_at IS NULL;

-- A parent is not a foreign key: after a lost ledger, the versions found on disk are recorded without their ancestors.
CREATE TABLE version (
    number        INTEGER PRIMARY KEY,
    parent        INTEGER,
    state         TEXT NOT NULL,
    run           TEXT,
    created_at    TEXT NOT NULL,
    fingerprint   TEXT,
    code_revision TEXT,
    reason        TEXT,
    was_published INTEGER NOT NULL,      -- 1 once it was published, whatever became of it: such versions are the history
    CHECK (parent < number)              -- so a lineage ends, and the newest of it has the highest number
);

CREATE UNIQUE INDEX version_published ON version (state) WHERE state = 'published';
CREATE INDEX version_by_parent ON version (parent);

CREATE TABLE publication (
    event    INTEGER PRIMARY KEY,
    version  INTEGER NOT NULL,
    previous INTEGER,
    kind     TEXT NOT NULL,
    at       TEXT NOT NULL,
    actor    TEXT NOT NULL,
    reason   TEXT NOT NULL
);

CREATE TABLE incident (
    number   INTEGER PRIMARY KEY,
    state    TEXT NOT NULL,
    document TEXT NOT NULL               -- the whole incident as JSON; `state` is in it too
);

CREATE INDEX incident_by_state ON incident (state, number);
