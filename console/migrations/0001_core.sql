-- Settings of the whole console, each one JSON value. `lineage`, `writer` and `organization` are among them.
create table settings (
    name TEXT primary key,
    value TEXT not null,
    version BIGINT not null
);

-- History: everything that was ever said of users, bands and associations. Rows are added, never changed.
create table entries (
    writer BYTEA not null,
    sequence BIGINT not null,
    -- The first half of the SHA-256 of time and event: one number used for two entries keeps both.
    digest BYTEA not null,
    time_ms BIGINT not null,
    counter BIGINT not null,
    association BYTEA,
    usr TEXT,
    band TEXT,
    event TEXT not null,
    received_ms BIGINT not null,
    primary key (writer, sequence, digest)
);
create index entries_usr on entries (usr) where usr is not null;
create index entries_band on entries (band) where band is not null;
create index entries_association on entries (association) where association is not null;

-- The sequence that this console uses next as a writer of history.
create table writers (
    station BYTEA primary key,
    sequence BIGINT not null
);

-- People. `status` and the suspension follow from history; the rest is written here.
create table users (
    id TEXT primary key,
    handle BYTEA not null unique,
    name TEXT not null,
    site TEXT not null,
    label TEXT not null,
    policy TEXT,
    mail TEXT not null,
    note TEXT not null,
    status TEXT not null,
    suspended_since BIGINT,
    suspended_note TEXT,
    -- A band that is enrolled before this moment stands in for a forgotten one and expires then.
    temporary_until BIGINT,
    -- Identifier, name and mail in lower case, for searching.
    search TEXT not null,
    created_ms BIGINT not null,
    changed_ms BIGINT not null,
    version BIGINT not null
);
create index users_site on users (site, id);
create index users_status on users (status, id);
create index users_policy on users (policy, id) where policy is not null;

-- Bands. `seos` and `stock` follow from history; the rest is written here.
create table bands (
    serial TEXT primary key,
    seos BOOLEAN not null,
    stock TEXT not null,
    site TEXT not null,
    delivery TEXT not null,
    note TEXT not null,
    created_ms BIGINT not null,
    changed_ms BIGINT not null,
    version BIGINT not null
);
create index bands_stock on bands (stock, serial);

-- Who holds which band, ended ones too. All but `note` and `credential_key` follows from history.
create table associations (
    id BYTEA primary key,
    usr TEXT not null,
    band TEXT not null,
    zone TEXT not null,
    active BOOLEAN not null,
    primary_band BOOLEAN not null,
    expires_ms BIGINT,
    suspended_since BIGINT,
    suspended_note TEXT,
    ended_cause TEXT,
    ended_ms BIGINT,
    band_epoch BIGINT not null,
    -- When it was made and by which writer of history.
    made_ms BIGINT not null,
    made_by BYTEA not null,
    note TEXT not null,
    changed_ms BIGINT not null,
    version BIGINT not null
);
create index associations_usr on associations (usr);
create index associations_band on associations (band);

-- The key a band made for an association; it may be known before the association is.
create table credentials (
    association BYTEA primary key,
    credential_key BYTEA not null
);

-- What waits for an administrator.
create table quarantine (
    association BYTEA primary key,
    cause TEXT not null,
    rival BYTEA,
    since_ms BIGINT not null
);

-- What in history could not be applied as it stands, as JSON.
create table oddities (
    oddity TEXT primary key,
    association BYTEA,
    station BYTEA,
    noticed_ms BIGINT not null
);

-- The change feed: for each key the revision of its last change. Revisions are given in the order of commits.
create table feed_head (
    id BIGINT primary key,
    revision BIGINT not null
);
insert into feed_head (id, revision) values (1, 0);
create table feed (
    kind BIGINT not null,
    key TEXT not null,
    revision BIGINT not null unique,
    site TEXT not null,
    -- Sites whose stations may hold the row though it is theirs no more, one per line.
    left_sites TEXT not null,
    primary key (kind, key)
);

-- Group policies and individual policies, as JSON. Exactly one group policy holds.
create table policies (
    kind TEXT not null,
    id TEXT not null,
    body TEXT not null,
    holds BOOLEAN not null,
    changed_ms BIGINT not null,
    version BIGINT not null,
    primary key (kind, id)
);

create table tickets (
    id BYTEA primary key,
    usr TEXT not null,
    site TEXT not null,
    zone TEXT not null,
    not_before BIGINT not null,
    expires BIGINT not null,
    -- The keyed hash of the code to type.
    code_hash BYTEA unique,
    issuer TEXT not null,
    issued_by TEXT not null,
    issued_ms BIGINT not null,
    revoked_ms BIGINT,
    spent_ms BIGINT,
    spent_for BYTEA,
    version BIGINT not null
);
create index tickets_usr on tickets (usr);

-- People with rights at stations.
create table operators (
    id TEXT primary key,
    usr TEXT,
    pin TEXT not null,
    rights TEXT not null,
    -- Where: one site per line; empty for every site.
    sites TEXT not null,
    changed_ms BIGINT not null,
    version BIGINT not null
);

-- Public keys that stations are told: issuers of tickets, makers of bands, signers of the feed. Codes to
-- type have a secret key; it is among the secrets under the name of its row.
create table public_keys (
    kind TEXT not null,
    id TEXT not null,
    name TEXT not null,
    public_key BYTEA not null,
    not_before BIGINT not null,
    retired_ms BIGINT,
    primary key (kind, id)
);

-- Secrets, sealed under the master key, which is not in the database.
create table secrets (
    name TEXT primary key,
    sealed BYTEA not null,
    changed_ms BIGINT not null
);

-- Who did what. Rows are added, never changed; each holds the hash of the one before.
create table audit (
    sequence BIGINT primary key,
    at_ms BIGINT not null,
    actor TEXT not null,
    via TEXT not null,
    action TEXT not null,
    subject_kind TEXT not null,
    subject TEXT not null,
    site TEXT not null,
    detail TEXT not null,
    previous BYTEA not null,
    hash BYTEA not null
);
create index audit_subject on audit (subject_kind, subject, sequence);
create index audit_actor on audit (actor, sequence);

create table api_keys (
    id TEXT primary key,
    hash BYTEA not null unique,
    name TEXT not null,
    role TEXT not null,
    sites TEXT not null,
    scopes TEXT not null,
    created_by TEXT not null,
    created_ms BIGINT not null,
    expires_ms BIGINT,
    revoked_ms BIGINT,
    version BIGINT not null
);

-- Answers to requests that may be repeated.
create table idempotency (
    caller TEXT not null,
    key TEXT not null,
    request BYTEA not null,
    status BIGINT not null,
    body BYTEA not null,
    at_ms BIGINT not null,
    primary key (caller, key)
);
create index idempotency_at on idempotency (at_ms);

-- Lists that were read and wait for their confirmation, or for a second person.
create table imports (
    id TEXT primary key,
    kind TEXT not null,
    state TEXT not null,
    digest BYTEA not null,
    body BYTEA not null,
    options TEXT not null,
    summary TEXT not null,
    made_by TEXT not null,
    made_ms BIGINT not null,
    settled_by TEXT,
    settled_ms BIGINT
);
