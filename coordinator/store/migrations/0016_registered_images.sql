CREATE TABLE registered_images (
    id            text PRIMARY KEY,
    tenant        text NOT NULL,
    name          text NOT NULL,
    status        text NOT NULL,
    disk_digest   text NOT NULL,
    disk_bytes    bigint NOT NULL,
    kernel_digest text NOT NULL, -- '': there is none
    kernel_bytes  bigint NOT NULL,
    initrd_digest text NOT NULL,
    initrd_bytes  bigint NOT NULL,
    cmdline       text NOT NULL,
    boot          text NOT NULL,
    agent         text NOT NULL,
    vcpus         bigint NOT NULL,
    memory_bytes  bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    deleted_at    timestamptz -- the row stays: hosts that were away may still have it
);
CREATE UNIQUE INDEX registered_images_name ON registered_images (name) WHERE deleted_at IS NULL;

ALTER TABLE host_images ADD COLUMN registration text NOT NULL DEFAULT '';
ALTER TABLE host_images ADD COLUMN from_vm text NOT NULL DEFAULT '';
