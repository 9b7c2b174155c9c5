CREATE TABLE checkpoints (
    id              text PRIMARY KEY,
    sandbox_id      text NOT NULL,
    tenant          text NOT NULL,
    host            text NOT NULL,
    name            text NOT NULL,
    parent_id       text NOT NULL, -- empty: it has none
    status          text NOT NULL,
    hidden          boolean NOT NULL,
    has_memory      boolean NOT NULL,
    frozen          boolean NOT NULL,
    engine          text NOT NULL,
    libvirt_version text NOT NULL,
    qemu_version    text NOT NULL,
    size_bytes      bigint NOT NULL,
    paused_us       bigint NOT NULL,
    digests         jsonb NOT NULL,
    path            text NOT NULL,
    created_at      timestamptz NOT NULL,
    deleted_at      timestamptz,
    error           text NOT NULL
);
CREATE INDEX checkpoints_living ON checkpoints (id) WHERE status <> 'deleted';
CREATE INDEX checkpoints_of_sandbox ON checkpoints (sandbox_id, created_at);

-- Of the hosts that are known already, it is not known until they say it.
ALTER TABLE hosts ADD COLUMN state_engine text NOT NULL DEFAULT '';
ALTER TABLE hosts ADD COLUMN state_engine_reason text NOT NULL DEFAULT '';
