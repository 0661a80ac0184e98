-- Temporary associations that have run out are looked for on the first page: few of very many.
create index associations_expires on associations (expires_ms) where expires_ms is not null and ended_ms is null;
