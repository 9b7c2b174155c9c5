-- None of those that are known was anybody's.
ALTER TABLE host_images ADD COLUMN tenant text NOT NULL DEFAULT '';
ALTER TABLE host_images ADD COLUMN from_snapshot text NOT NULL DEFAULT '';
ALTER TABLE pools ADD COLUMN tenant text NOT NULL DEFAULT '';
