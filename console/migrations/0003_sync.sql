-- Stations: who may speak on their listener, what they sent, what of it waits for a person.
CREATE TABLE join_tokens (
    hash BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    site TEXT NOT NULL,
    zone TEXT NOT NULL,
    station BYTEA,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT,
    spent_by BYTEA,
    spent_key BYTEA
);
CREATE TABLE stations (
    id BYTEA PRIMARY KEY,
    name TEXT NOT NULL,
    site TEXT NOT NULL,
    zone TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_why TEXT,
    quarantined_at BIGINT,
    quarantine_code TEXT,
    quarantine_sequence BIGINT,
    head_sequence BIGINT NOT NULL,
    head_hash BYTEA NOT NULL,
    air_certificate BYTEA NOT NULL,
    dh_key BYTEA NOT NULL,
    last_seen_at BIGINT,
    replica_revision BIGINT,
    health BYTEA,
    health_at BIGINT,
    revision BIGINT NOT NULL
);
CREATE INDEX stations_by_site ON stations (site, id);
CREATE TABLE station_certificates (
    serial BYTEA PRIMARY KEY,
    station BYTEA NOT NULL,
    issued_at BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX station_certificates_by_station ON station_certificates (station);
CREATE TABLE journal (
    station BYTEA NOT NULL,
    sequence BIGINT NOT NULL,
    time_ms BIGINT NOT NULL,
    previous BYTEA NOT NULL,
    record BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (station, sequence)
);
CREATE TABLE journal_review (
    id BYTEA PRIMARY KEY,
    station BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    code TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    detail TEXT NOT NULL,
    body BYTEA NOT NULL
);
CREATE INDEX journal_review_by_station ON journal_review (station, received_at);
CREATE TABLE ticket_uses (
    ticket BYTEA NOT NULL,
    association BYTEA NOT NULL,
    station BYTEA NOT NULL,
    sequence BIGINT NOT NULL,
    time_ms BIGINT NOT NULL,
    PRIMARY KEY (ticket, association)
);
-- The key each band was seen with first.
CREATE TABLE band_keys (
    serial TEXT PRIMARY KEY,
    band_key BYTEA NOT NULL,
    first_seen BIGINT NOT NULL
);
