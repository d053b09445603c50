-- Why: what a product's probes answered is measured, not decided, and comes every few minutes: it belongs beside the
-- measurements and not into the ledger. Times are microseconds since 1970-01-01 UTC.

CREATE TABLE probe (
    product   TEXT NOT NULL,
    name      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    answered  INTEGER NOT NULL,          -- 1 when the answer was right
    latency_s REAL,                      -- NULL when no answer came at all
    timed_out INTEGER NOT NULL,
    error     TEXT,
    PRIMARY KEY (product, name, at)
) WITHOUT ROWID;
