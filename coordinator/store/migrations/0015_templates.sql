CREATE TABLE templates (
    id          text PRIMARY KEY,
    tenant      text NOT NULL,
    name        text NOT NULL,
    description text NOT NULL,
    fields      text NOT NULL, -- of a create, as JSON
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    revision    bigint NOT NULL,
    UNIQUE (tenant, name)
);
