-- Which paths file requests may use, for a sandbox's whole life.
ALTER TABLE sandboxes
    ADD COLUMN file_roots          text[] NOT NULL DEFAULT '{}',
    ADD COLUMN files_never_read    text[] NOT NULL DEFAULT '{}',
    ADD COLUMN files_never_written text[] NOT NULL DEFAULT '{}';
