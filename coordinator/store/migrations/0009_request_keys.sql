-- What was asked for under an Idempotency-Key, for a day. Of the request only a digest is here.
CREATE TABLE request_keys (
    tenant       text NOT NULL,
    actor        text NOT NULL,
    key          text NOT NULL,
    digest       text NOT NULL,
    path         text NOT NULL,
    request_id   text NOT NULL,
    used_at      timestamptz NOT NULL,
    epoch        bigint NOT NULL, -- of the coordinator that claimed it
    audit_from   bigint NOT NULL, -- the audit's last row before its request was begun
    audit_to     bigint,          -- and after it was answered; NULL: under way, or cut short
    status       integer,         -- NULL: no answer is kept
    content_type text,
    headers      text[],          -- name, value, name, value, …
    body         bytea,
    bytes        bigint NOT NULL DEFAULT 0, -- of body
    PRIMARY KEY (tenant, actor, key)
);
CREATE INDEX request_keys_used_at ON request_keys (used_at);
