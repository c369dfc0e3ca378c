-- Aliases: second names of keys, each in one account and region and leading to a key of the same. The target is part of the
-- key's record in every cache, so a row changes only with the version of each key concerned, under those keys' locks.

-- What the foreign key of an alias leads to, so that no alias can ever lead to another account's key. It takes the place of
-- the index of the same columns.
ALTER TABLE keys ADD CONSTRAINT keys_account_key UNIQUE (region, account, key_id);
DROP INDEX keys_by_account;

CREATE TABLE aliases (
    region text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    target_key_id text COLLATE "C" NOT NULL,
    created_at timestamptz(3) NOT NULL,
    updated_at timestamptz(3) NOT NULL,
    CONSTRAINT aliases_pkey PRIMARY KEY (region, account, name),
    CONSTRAINT aliases_target FOREIGN KEY (region, account, target_key_id) REFERENCES keys (region, account, key_id),
    CONSTRAINT aliases_name_form CHECK (name ~ '^alias/[a-zA-Z0-9/_-]+$' AND length(name) <= 256)
);

CREATE INDEX aliases_by_target ON aliases (region, account, target_key_id, name);
