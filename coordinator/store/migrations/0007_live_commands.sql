-- Commands whose output is read as it comes: how each was given.
ALTER TABLE commands ADD COLUMN mode text NOT NULL DEFAULT 'run';
