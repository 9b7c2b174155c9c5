-- What operators say of their hosts, for people and for placement.
ALTER TABLE hosts ADD COLUMN labels jsonb NOT NULL DEFAULT '{}';
