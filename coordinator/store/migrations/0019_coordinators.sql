-- Where the coordinator of this row serves its API: whoever stands by passes requests on to it.
ALTER TABLE leader ADD COLUMN http_address text NOT NULL DEFAULT '';
