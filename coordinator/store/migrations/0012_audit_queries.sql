-- What the audit is asked for by. Its times never go back, so that `at` gives the numbers that a span
-- of time has. All else is looked for along the primary key, so many rows at a time
-- (coordinator/store/audit_queries.cpp): each index is one more thing to write for every row.
CREATE INDEX audit_at ON audit (at, seq);
CREATE INDEX audit_target ON audit (target, seq) WHERE target <> '';
CREATE INDEX audit_request ON audit (request_id, seq) WHERE request_id <> '';
CREATE INDEX audit_operation ON audit (operation_id, seq) WHERE operation_id <> '';
