-- Why: what people must be told is written down with the event that they must be told of, in its transaction, so that a
-- process that is killed at any instant loses no message; and every try is written down before it is made.
-- None of these tables is a projection: the ledger alone does not say what was already told.

CREATE TABLE outbox (
    event    INTEGER PRIMARY KEY,        -- of the ledger
    incident INTEGER NOT NULL
);

-- A moment is an event or a point of an escalation. It is planned once for a target, whoever plans it.
CREATE TABLE told (
    target   TEXT NOT NULL,
    incident INTEGER NOT NULL,
    moment   TEXT NOT NULL,
    delivery INTEGER,                    -- NULL when it was waived
    PRIMARY KEY (target, incident, moment)
) WITHOUT ROWID;

CREATE INDEX told_by_incident ON told (incident);

CREATE TABLE delivery (
    id         INTEGER PRIMARY KEY,
    key        TEXT NOT NULL UNIQUE,
    target     TEXT NOT NULL,
    thread     TEXT NOT NULL,
    state      TEXT NOT NULL,
    counts     INTEGER NOT NULL,         -- 1 for what is a new message to its readers
    attempts   INTEGER NOT NULL,
    due_at     TEXT NOT NULL,
    planned_at TEXT NOT NULL,
    next_at    TEXT NOT NULL,            -- waiting: when to try; sending: when the lease ends
    error      TEXT,
    notice     TEXT NOT NULL             -- JSON
);

CREATE INDEX delivery_unfinished ON delivery (next_at) WHERE state IN ('waiting', 'sending');
CREATE INDEX delivery_dead ON delivery (id) WHERE state = 'dead';
CREATE INDEX delivery_recent ON delivery (planned_at);
CREATE INDEX delivery_thread ON delivery (target, thread, id);

-- Which thread of a target tells of an incident.
CREATE TABLE thread (
    target   TEXT NOT NULL,
    incident INTEGER NOT NULL,
    name     TEXT NOT NULL,
    PRIMARY KEY (target, incident)
) WITHOUT ROWID;

CREATE INDEX thread_by_name ON thread (target, name);

-- What the channel said about a thread, such as where its first message is.
CREATE TABLE receipt (
    target  TEXT NOT NULL,
    thread  TEXT NOT NULL,
    receipt TEXT NOT NULL,               -- JSON
    PRIMARY KEY (target, thread)
) WITHOUT ROWID;
