-- Takes back the aliases and what their foreign key needs.
DROP TABLE aliases;
CREATE INDEX keys_by_account ON keys (region, account, key_id);
ALTER TABLE keys DROP CONSTRAINT keys_account_key;
