ALTER TABLE sandboxes ADD COLUMN disk text NOT NULL DEFAULT 'durable';
