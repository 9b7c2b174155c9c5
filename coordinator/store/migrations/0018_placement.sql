-- What a sandbox asks of each host that it comes to.
ALTER TABLE sandboxes ADD COLUMN wants_labels jsonb NOT NULL DEFAULT '{}';
ALTER TABLE sandboxes ADD COLUMN wants_tolerates text[] NOT NULL DEFAULT '{}';
ALTER TABLE sandboxes ADD COLUMN wants_accelerator text NOT NULL DEFAULT '';
ALTER TABLE sandboxes ADD COLUMN wants_group text NOT NULL DEFAULT '';
ALTER TABLE sandboxes ADD COLUMN wants_spread_by text NOT NULL DEFAULT '';
ALTER TABLE sandboxes ADD COLUMN wants_apart boolean NOT NULL DEFAULT true;

ALTER TABLE hosts ADD COLUMN taints jsonb NOT NULL DEFAULT '{}';
