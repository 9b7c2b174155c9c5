-- Copies of a sandbox that other hosts are to have.
ALTER TABLE sandboxes ADD COLUMN replica_count integer NOT NULL DEFAULT 0;
ALTER TABLE sandboxes ADD COLUMN replica_every_seconds bigint NOT NULL DEFAULT 0;
ALTER TABLE sandboxes ADD COLUMN replica_memory boolean NOT NULL DEFAULT true;

-- Those that there are: each a checkpoint on a host that is not its sandbox's own.
CREATE TABLE replicas (
    snapshot_id     text NOT NULL,
    host            text NOT NULL,
    sandbox_id      text NOT NULL,
    tenant          text NOT NULL,
    name            text NOT NULL,
    parent_id       text NOT NULL,
    hidden          boolean NOT NULL,
    has_memory      boolean NOT NULL,
    frozen          boolean NOT NULL,
    engine          text NOT NULL,
    libvirt_version text NOT NULL,
    qemu_version    text NOT NULL,
    size_bytes      bigint NOT NULL,
    digests         jsonb NOT NULL,
    path            text NOT NULL,
    created_at      timestamptz NOT NULL,
    generation      bigint NOT NULL,
    dropping        boolean NOT NULL,
    PRIMARY KEY (snapshot_id, host)
);

-- A host is gone: what others have copies of is brought back there.
ALTER TABLE hosts ADD COLUMN evacuate_since timestamptz;
ALTER TABLE hosts ADD COLUMN evacuate_powered_off boolean NOT NULL DEFAULT false;
