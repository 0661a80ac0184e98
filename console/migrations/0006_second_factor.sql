-- The second factor of an account: when its app was bound, and the last step of 30 seconds whose code was taken. The
-- secret lies among the secrets.
create table second_factors (
    account TEXT primary key references accounts (id),
    bound_ms BIGINT not null,
    last_step BIGINT not null
);

-- Codes on paper, by their SHA-256: 120 random bits each.
create table recovery_codes (
    digest BYTEA primary key,
    account TEXT not null references accounts (id),
    spent_ms BIGINT
);
create index recovery_codes_account on recovery_codes (account);

-- Signed in with the password alone, where a code is still to be shown.
alter table sessions add column waits BIGINT not null default 0;
