ALTER TABLE sandboxes ADD COLUMN moving_to text NOT NULL DEFAULT ''; -- a host
ALTER TABLE sandboxes ADD COLUMN left_host text NOT NULL DEFAULT '';

-- An operator's wish beside `cordoned`: the host is to be emptied until then.
ALTER TABLE hosts ADD COLUMN drain_since timestamptz;
ALTER TABLE hosts ADD COLUMN drain_until timestamptz;
ALTER TABLE hosts ADD CHECK ((drain_since IS NULL) = (drain_until IS NULL));
