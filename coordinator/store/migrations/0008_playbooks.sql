CREATE TABLE playbooks (
    id         text PRIMARY KEY,
    tenant     text NOT NULL,
    name       text NOT NULL,
    hosts      text NOT NULL,
    become     boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    revision   bigint NOT NULL,
    UNIQUE (tenant, name)
);

CREATE TABLE playbook_tasks (
    id          text PRIMARY KEY,
    playbook_id text NOT NULL REFERENCES playbooks ON DELETE CASCADE,
    position    bigint NOT NULL, -- from 0, without gaps
    name        text NOT NULL,
    module      text NOT NULL,
    params      text NOT NULL, -- JSON as it was given: jsonb would reorder it
    created_at  timestamptz NOT NULL,
    UNIQUE (playbook_id, position)
);
