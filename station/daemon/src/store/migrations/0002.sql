-- Keys that the console tells: issuers of tickets, keys of typed codes, makes of bands.
create table told_keys (
    id blob primary key,
    body blob not null,
    seal integer not null
) without rowid, strict;

-- Pages of a snapshot under way, as the console signed them. They are verified again when they are applied.
create table staged_pages (
    number integer primary key,
    page blob not null
) strict;
