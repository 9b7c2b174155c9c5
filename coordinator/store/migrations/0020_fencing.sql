-- What a host does to its sandboxes once it has heard from no leader for so long.
ALTER TABLE hosts ADD COLUMN fence_after_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE hosts ADD COLUMN fence_action text NOT NULL DEFAULT '';
