-- Hosts that a sandbox came from, which may still have what it was made of there. Of those that are
-- written so far, what has arrived is on its way no more.
ALTER TABLE sandboxes ADD COLUMN remains_on text[] NOT NULL DEFAULT '{}';
UPDATE sandboxes SET remains_on = ARRAY[left_host], left_host = ''
 WHERE left_host <> '' AND (moving_to = '' OR phase = 'destroyed');
