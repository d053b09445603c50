-- Why: a project that runs for years has a hundred thousand incidents. Which of them are unsolved, have a cause, or belong
-- to a version is answered from these columns, without reading a document. They are filled by the replay that follows.

DROP INDEX incident_by_state;
DROP TABLE incident;

CREATE TABLE incident (
    number      INTEGER PRIMARY KEY,
    state       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    version     INTEGER NOT NULL,
    updated_at  TEXT NOT NULL,
    document    TEXT NOT NULL            -- the whole incident as JSON; the columns before are in it too
);

CREATE INDEX incident_by_state ON incident (state, number);
CREATE INDEX incident_by_cause ON incident (fingerprint, number);
CREATE INDEX incident_by_version ON incident (version, number);
CREATE INDEX incident_by_change ON incident (updated_at, number);
