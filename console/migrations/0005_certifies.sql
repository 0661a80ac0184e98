-- Whether a station has ever sent the certificate of a band; from then on it always does.
alter table stations add column certifies BOOLEAN not null default false;
