-- Why: every transition is written down once and never changed, so that everything else can be derived from it.
-- The triggers hold that against any program that opens the file, not only against this one.

PRAGMA application_id = 1414087751;  -- the bytes "TIDG": how this file is told from any other SQLite database

CREATE TABLE event (
    id      INTEGER PRIMARY KEY,
    at      TEXT NOT NULL,           -- ISO 8601, UTC, microseconds: sorts as text
    actor   TEXT NOT NULL,
    role    TEXT NOT NULL,
    kind    TEXT NOT NULL,           -- noun.verb
    subject TEXT NOT NULL,           -- noun:id
    data    TEXT NOT NULL            -- JSON object
);

CREATE INDEX event_by_subject ON event (subject, id);

CREATE TRIGGER event_has_no_gap BEFORE INSERT ON event
WHEN NEW.id IS NOT (SELECT ifnull(max(id), 0) + 1 FROM event)
BEGIN
    SELECT RAISE(ABORT, 'the ids of the ledger count from 1 without gaps');
END;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'the ledger only grows: an event is never changed');
END;

CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
BEGIN
    SELECT RAISE(ABORT, 'the ledger only grows: an event is never removed');
END;
