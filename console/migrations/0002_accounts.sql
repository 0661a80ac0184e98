-- People who sign in to the console. Never deleted: the audit names them.
create table accounts (
    id TEXT primary key,
    login TEXT not null unique,
    name TEXT not null,
    role TEXT not null,
    -- One site per line; empty for all.
    sites TEXT not null,
    -- Argon2id in PHC form; none until the first one-time link is used.
    password TEXT,
    disabled_ms BIGINT,
    created_ms BIGINT not null,
    signed_in_ms BIGINT,
    version BIGINT not null
);

-- Signed in browsers. The cookie holds the secret, this table its SHA-256.
create table sessions (
    digest BYTEA primary key,
    -- The name under which a session is listed and ended; not the secret.
    id TEXT not null unique,
    account TEXT not null references accounts (id),
    begun_ms BIGINT not null,
    seen_ms BIGINT not null,
    -- When the person last showed the password.
    confirmed_ms BIGINT not null,
    address TEXT not null,
    agent TEXT not null
);
create index sessions_account on sessions (account);

-- Links that set a password once. The link holds the secret, this table its SHA-256.
create table one_time_links (
    digest BYTEA primary key,
    -- `setup` makes the first administrator, `password` sets the password of an account.
    purpose TEXT not null,
    account TEXT references accounts (id),
    made_ms BIGINT not null,
    expires_ms BIGINT not null,
    spent_ms BIGINT
);
create index one_time_links_account on one_time_links (account);

-- Wrong passwords in a row, by what they were counted for.
create table sign_in_waits (
    subject TEXT primary key,
    failures BIGINT not null,
    -- Not before this moment is another try looked at.
    next_ms BIGINT not null,
    seen_ms BIGINT not null
);
create index sign_in_waits_seen on sign_in_waits (seen_ms);
