CREATE TABLE plans (
    id           text PRIMARY KEY,
    tenant       text NOT NULL,
    name         text NOT NULL,
    description  text NOT NULL,
    status       text NOT NULL,
    current_step bigint NOT NULL, -- -1: none was begun
    abort_reason text NOT NULL,
    created_by   text NOT NULL,
    updated_by   text NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    completed_at timestamptz,
    revision     bigint NOT NULL
);
CREATE INDEX plans_newest_first ON plans (tenant, created_at DESC, id DESC);

CREATE TABLE plan_steps (
    plan_id      text NOT NULL REFERENCES plans ON DELETE CASCADE,
    position     bigint NOT NULL, -- from 0, without gaps
    description  text NOT NULL,
    status       text NOT NULL,
    started_at   timestamptz,
    completed_at timestamptz,
    result       text NOT NULL,
    error        text NOT NULL,
    PRIMARY KEY (plan_id, position)
);
