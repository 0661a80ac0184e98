-- Every table but the journal ends with a seal: XXH3 (64 bits) over the row's other columns.
-- `totals` holds the number of rows and the exclusive or of the seals of each table, so that a row that
-- vanished is noticed like one that changed.

create table totals (
    name text primary key,
    count integer not null,
    seals integer not null
) without rowid, strict;

-- What the station is: one row per subject, each a JSON object.
create table meta (
    key text primary key,
    body blob not null,
    seal integer not null
) without rowid, strict;

create table users (
    id text primary key,
    handle blob not null,
    body blob not null,
    seal integer not null
) without rowid, strict;
create unique index users_by_handle on users (handle);

create table bands (
    serial text primary key,
    body blob not null,
    seal integer not null
) without rowid, strict;

create table associations (
    id blob primary key,
    user text not null,
    band text not null,
    body blob not null,
    seal integer not null
) without rowid, strict;
create index associations_by_user on associations (user);
create index associations_by_band on associations (band);

-- `g:` and a group policy's id, or `i:` and an individual policy's.
create table policies (
    id text primary key,
    body blob not null,
    seal integer not null
) without rowid, strict;

create table operators (
    id text primary key,
    body blob not null,
    seal integer not null
) without rowid, strict;

-- state: 0 unspent, 1 spent for `association`, 2 revoked. A signed ticket has no row before it is spent,
-- and no body ever.
create table tickets (
    id blob primary key,
    code_hash blob,
    state integer not null check (state in (0, 1, 2)),
    association blob,
    body blob,
    seal integer not null,
    check ((state = 1) = (association is not null))
) without rowid, strict;
create unique index tickets_by_code on tickets (code_hash);

-- Open intents: only the band knows whether the association holds.
create table intents (
    association blob primary key,
    body blob not null,
    seal integer not null
) without rowid, strict;

create table attempts (
    subject text primary key,
    failures integer not null,
    blocked_until_ms integer not null,
    seal integer not null
) without rowid, strict;

-- The chain of hashes guards the journal: see `journal verify`.
create table journal (
    sequence integer primary key,
    time_ms integer not null,
    previous blob not null,
    record blob not null,
    hash blob not null
) strict;
