-- Wrapping key pairs: made ahead and unbound in the pool, then bound to one key and one import token
-- (cryptography.md 3). The token itself is never stored, only its SHA-256; a row stays after its pair is destroyed, to
-- tell an expired import token from one that never was.

CREATE TABLE wrapping_keys (
    object_id uuid NOT NULL,
    spec text NOT NULL,
    algorithm text NOT NULL,
    public_key bytea NOT NULL,
    account text COLLATE "C",
    region text COLLATE "C",
    key_id text COLLATE "C",
    token_sha256 bytea,
    expires_at timestamptz(3),
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT wrapping_keys_pkey PRIMARY KEY (object_id),
    CONSTRAINT wrapping_keys_object FOREIGN KEY (object_id) REFERENCES key_objects (object_id),
    CONSTRAINT wrapping_keys_token_sha256_key UNIQUE (token_sha256),
    CONSTRAINT wrapping_keys_spec_word CHECK (spec IN ('RSA_2048', 'RSA_3072', 'RSA_4096', 'SM2')),
    CONSTRAINT wrapping_keys_algorithm_word CHECK (algorithm IN (
        'RSAES_PKCS1_V1_5', 'RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256', 'RSA_AES_KEY_WRAP_SHA_1',
        'RSA_AES_KEY_WRAP_SHA_256', 'SM2PKE')),
    CONSTRAINT wrapping_keys_public_key_length CHECK (octet_length(public_key) BETWEEN 1 AND 8192),
    CONSTRAINT wrapping_keys_binding_is_whole CHECK (
        num_nulls(account, region, key_id, token_sha256, expires_at) IN (0, 5)),
    CONSTRAINT wrapping_keys_account_form CHECK (account ~ '^[0-9]{12}$'),
    CONSTRAINT wrapping_keys_token_sha256_length CHECK (octet_length(token_sha256) = 32),
    CONSTRAINT wrapping_keys_attempts_count_up CHECK (attempts >= 0)
);

CREATE INDEX wrapping_keys_pool ON wrapping_keys (spec, algorithm, created_at) WHERE account IS NULL;
CREATE INDEX wrapping_keys_by_account ON wrapping_keys (account, expires_at) WHERE account IS NOT NULL;
CREATE INDEX wrapping_keys_by_expiry ON wrapping_keys (expires_at) WHERE expires_at IS NOT NULL;
