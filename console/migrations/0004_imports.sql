-- What a list changes, one line of JSON for each change, compressed. Kept when the list itself is not.
alter table imports add column changes BYTEA;
