-- Which authority a station's certificate is of: the SHA-256 of its certificate. Null where there was but one.
alter table station_certificates add column authority BYTEA;
