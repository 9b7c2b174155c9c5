-- Which hosts fetch an image before anybody asks for it there: all, none, or label=value,….
ALTER TABLE registered_images ADD COLUMN prefetch text NOT NULL DEFAULT 'all';
