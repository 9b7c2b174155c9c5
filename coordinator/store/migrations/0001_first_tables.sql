-- Texts from callers are stored as coordinator/store/text.hpp says: NUL and bytes that are
-- no UTF-8 as \xHH, a backslash as \\.

-- One row for each start of a coordinator. The writer of the highest epoch changes its own
-- row in every transaction: that is how it learns after a lost connection whether a commit
-- landed, and how a deposed one is refused.
CREATE TABLE leader (
    epoch      bigint PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    deposed_at timestamptz,
    batch      bigint NOT NULL DEFAULT 0,
    audit_seq  bigint NOT NULL, -- the audit's last row as of this batch
    audit_hash bytea  NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE sandboxes (
    id             text PRIMARY KEY,
    job_id         text NOT NULL,
    tenant         text NOT NULL,
    agent_id       text NOT NULL,
    sandbox_name   text NOT NULL,
    image          text NOT NULL,
    image_digest   text NOT NULL,
    host           text NOT NULL,
    vcpus          bigint NOT NULL,
    memory_bytes   bigint NOT NULL,
    overhead_bytes bigint NOT NULL,
    network_mode   text NOT NULL,
    labels         jsonb NOT NULL,
    env            jsonb NOT NULL,
    ttl_seconds    bigint,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    expires_at     timestamptz,
    deleted_at     timestamptz,
    phase          text NOT NULL,
    desired        text NOT NULL,
    generation     bigint NOT NULL,
    ip_address     text NOT NULL,
    error          text NOT NULL,
    timings_us     jsonb NOT NULL
);
CREATE INDEX sandboxes_living ON sandboxes (id) WHERE deleted_at IS NULL;
CREATE INDEX sandboxes_deleted_at ON sandboxes (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE commands (
    id           text PRIMARY KEY,
    sandbox_id   text NOT NULL,
    operation_id text NOT NULL,
    command      text NOT NULL,
    username     text NOT NULL,
    cwd          text NOT NULL,
    env          jsonb NOT NULL,
    stdout       bytea NOT NULL,
    stderr       bytea NOT NULL,
    exit_code    integer NOT NULL,
    truncated    boolean NOT NULL,
    timed_out    boolean NOT NULL,
    status       text NOT NULL,
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    timings_us   jsonb NOT NULL
);
CREATE INDEX commands_of_sandbox ON commands (sandbox_id, started_at DESC, id DESC);
CREATE INDEX commands_unfinished ON commands (id) WHERE status = 'running';

CREATE TABLE hosts (
    name                   text PRIMARY KEY,
    health                 text NOT NULL,
    hostname               text NOT NULL,
    arch                   text NOT NULL,
    kernel                 text NOT NULL,
    cpu_model              text NOT NULL,
    libvirt_version        text NOT NULL,
    qemu_version           text NOT NULL,
    hostd_version          text NOT NULL,
    accel                  text NOT NULL,
    accel_reason           text NOT NULL,
    network_cidr           text NOT NULL,
    cores                  bigint NOT NULL,
    memory_bytes           bigint NOT NULL,
    memory_available_bytes bigint NOT NULL,
    capacity_vcpus         bigint NOT NULL,
    capacity_memory_bytes  bigint NOT NULL,
    overhead_bytes         bigint NOT NULL,
    disk_bytes             bigint NOT NULL,
    disk_free_bytes        bigint NOT NULL,
    load1                  double precision NOT NULL,
    warnings               text[] NOT NULL,
    used_vcpus             bigint NOT NULL,
    used_memory_bytes      bigint NOT NULL,
    sandboxes              bigint NOT NULL,
    last_seen              timestamptz,
    first_seen             timestamptz NOT NULL
);

CREATE TABLE images (
    name                 text PRIMARY KEY,
    digest               text NOT NULL,
    size_bytes           bigint NOT NULL,
    virtual_size_bytes   bigint NOT NULL,
    boot                 text NOT NULL,
    agent                text NOT NULL,
    default_vcpus        bigint NOT NULL,
    default_memory_bytes bigint NOT NULL,
    hosts                text[] NOT NULL,
    registered_at        timestamptz NOT NULL
);

-- What each host itself said that it has.
CREATE TABLE host_images (
    host                 text NOT NULL,
    name                 text NOT NULL,
    digest               text NOT NULL,
    size_bytes           bigint NOT NULL,
    virtual_size_bytes   bigint NOT NULL,
    boot                 text NOT NULL,
    agent                text NOT NULL,
    default_vcpus        bigint NOT NULL,
    default_memory_bytes bigint NOT NULL,
    registered_at        timestamptz NOT NULL,
    PRIMARY KEY (host, name)
);

CREATE TABLE operations (
    id         text PRIMARY KEY,
    sandbox_id text NOT NULL,
    kind       text NOT NULL,
    status     text NOT NULL,
    request_id text NOT NULL,
    generation bigint NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,
    error      text NOT NULL
);
CREATE INDEX operations_unfinished ON operations (id) WHERE status = 'running';

-- Append only. docs/decisions/0003-audit-chain.md says what payload and hash are.
CREATE TABLE audit (
    seq          bigint PRIMARY KEY,
    at           timestamptz NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('intent', 'outcome')),
    action       text NOT NULL,
    actor        text NOT NULL,
    tenant       text NOT NULL,
    request_id   text NOT NULL,
    operation_id text NOT NULL,
    host         text NOT NULL,
    target       text NOT NULL,
    result       text NOT NULL,
    detail       text NOT NULL,
    prev_hash    bytea NOT NULL CHECK (length(prev_hash) = 32),
    hash         bytea NOT NULL CHECK (length(hash) = 32),
    payload      bytea NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_keeps_rows BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_refuses BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
-- ALWAYS: session_replication_role cannot switch them off.
ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_keeps_rows;
ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_refuses;
