-- An operator's wish beside a host's health: nothing more is placed on it.
ALTER TABLE hosts ADD COLUMN cordoned boolean NOT NULL DEFAULT false;
