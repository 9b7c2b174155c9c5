CREATE TABLE pools (
    name            text PRIMARY KEY,
    image           text NOT NULL,
    vcpus           bigint NOT NULL,
    memory_bytes    bigint NOT NULL,
    network_mode    text NOT NULL,
    min_ready       bigint NOT NULL,
    max_ready       bigint NOT NULL,
    max_age_seconds bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    deleted_at      timestamptz -- until one of the same name takes the row
);

-- No sandbox from before stands ready for anybody.
ALTER TABLE sandboxes ADD COLUMN pool text NOT NULL DEFAULT '';
ALTER TABLE sandboxes ADD COLUMN pool_source boolean NOT NULL DEFAULT false;
