-- Why: an append-only ledger is only worth as much as the proof that nobody changed it. Every event carries a hash over
-- itself and the hash of the event before, so that one that is altered, removed, inserted or moved breaks the chain at its
-- place; the head tells when the last ones are gone. `tidegate_link` is given by the program (state/ledger.py, `link`).

DROP TRIGGER event_is_never_changed;

ALTER TABLE event ADD COLUMN hash TEXT NOT NULL DEFAULT '';

WITH RECURSIVE chain (id, hash) AS (
    SELECT 0, ''
    UNION ALL
    SELECT e.id, tidegate_link(chain.hash, e.id, e.at, e.actor, e.role, e.kind, e.subject, e.data)
    FROM chain JOIN event AS e ON e.id = chain.id + 1
)
UPDATE event SET hash = chain.hash FROM chain WHERE chain.id = event.id;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'the ledger only grows: an event is never changed');
END;

CREATE TABLE ledger_head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    id   INTEGER NOT NULL,
    hash TEXT NOT NULL
);

INSERT INTO ledger_head (one, id, hash)
SELECT 1, ifnull(max(id), 0), ifnull((SELECT hash FROM event ORDER BY id DESC LIMIT 1), '') FROM event;
