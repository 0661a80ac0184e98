-- From here on every body is sealed, and every column by which people are looked up is a keyed hash: `users.id`,
-- `users.handle`, `associations.user`, `policies.id`, `operators.id`, `attempts.subject`. A database of an earlier
-- version is not changed in place but written anew, because what is overwritten in a file stays in it for long.

-- Which key: one row, `key`.
create table sealing (
    name text primary key,
    key_id blob not null,
    seal integer not null
) without rowid, strict;

drop table users;
create table users (
    id blob primary key,
    handle blob not null,
    body blob not null,
    seal integer not null
) without rowid, strict;
create unique index users_by_handle on users (handle);

drop table associations;
create table associations (
    id blob primary key,
    user blob not null,
    band text not null,
    body blob not null,
    seal integer not null
) without rowid, strict;
create index associations_by_user on associations (user);
create index associations_by_band on associations (band);

drop table policies;
create table policies (
    id blob primary key,
    body blob not null,
    seal integer not null
) without rowid, strict;

drop table operators;
create table operators (
    id blob primary key,
    body blob not null,
    seal integer not null
) without rowid, strict;

drop table attempts;
create table attempts (
    subject blob primary key,
    failures integer not null,
    blocked_until_ms integer not null,
    seal integer not null
) without rowid, strict;

-- `entry` is sealed with `sequence` and `time_ms`: 32 bytes of the previous hash, 32 of the entry's own, the record.
drop table journal;
create table journal (
    sequence integer primary key,
    time_ms integer not null,
    entry blob not null
) strict;
