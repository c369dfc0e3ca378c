-- The facts of a key and of its materials, from which key state, metadata and use are computed (kms-core, KeyFacts).
-- Nothing cascades: what goes away is named in a statement of its own, in the transaction that means it.

CREATE TABLE keys (
    region text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    material_version bigint NOT NULL,
    description text NOT NULL,
    spec text NOT NULL,
    usage text NOT NULL,
    origin text NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamptz(3) NOT NULL,
    deletion_date timestamptz(3),
    purge_started_at timestamptz(3),
    sealed_salt bytea NOT NULL,
    CONSTRAINT keys_pkey PRIMARY KEY (region, key_id),
    CONSTRAINT keys_region_form CHECK (region ~ '^([a-z]+-){2,3}[0-9]+$' AND length(region) <= 32),
    CONSTRAINT keys_key_id_form CHECK (
        key_id ~ '^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$'),
    CONSTRAINT keys_account_form CHECK (account ~ '^[0-9]{12}$'),
    CONSTRAINT keys_versions_count_up CHECK (version >= 0 AND material_version >= 0),
    CONSTRAINT keys_description_length CHECK (char_length(description) <= 8192),
    CONSTRAINT keys_spec_word CHECK (spec IN (
        'SYMMETRIC_DEFAULT', 'HMAC_224', 'HMAC_256', 'HMAC_384', 'HMAC_512', 'RSA_2048', 'RSA_3072', 'RSA_4096',
        'ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521', 'ECC_SECG_P256K1', 'ECC_NIST_EDWARDS25519',
        'ML_DSA_44', 'ML_DSA_65', 'ML_DSA_87', 'ML_KEM_512', 'ML_KEM_768', 'ML_KEM_1024', 'SM2')),
    CONSTRAINT keys_usage_word CHECK (usage IN (
        'ENCRYPT_DECRYPT', 'SIGN_VERIFY', 'GENERATE_VERIFY_MAC', 'KEY_AGREEMENT', 'ENCAPSULATE_DECAPSULATE')),
    CONSTRAINT keys_origin_word CHECK (origin IN ('AWS_KMS', 'EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE')),
    CONSTRAINT keys_purge_is_scheduled CHECK (purge_started_at IS NULL OR deletion_date IS NOT NULL),
    CONSTRAINT keys_sealed_salt_length CHECK (octet_length(sealed_salt) BETWEEN 1 AND 1024)
);

CREATE INDEX keys_by_account ON keys (region, account, key_id);
CREATE INDEX keys_by_deletion_date ON keys (deletion_date) WHERE deletion_date IS NOT NULL;

CREATE TABLE key_materials (
    region text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    material_id bytea NOT NULL,
    position bigserial NOT NULL,
    state text NOT NULL,
    description text,
    expiration_model text,
    valid_to timestamptz(3),
    CONSTRAINT key_materials_pkey PRIMARY KEY (region, key_id, material_id),
    CONSTRAINT key_materials_key FOREIGN KEY (region, key_id) REFERENCES keys (region, key_id),
    CONSTRAINT key_materials_material_id_length CHECK (octet_length(material_id) = 32),
    CONSTRAINT key_materials_state_word CHECK (state IN (
        'CURRENT', 'NON_CURRENT', 'PENDING_ROTATION', 'PENDING_MULTI_REGION_IMPORT_AND_ROTATION')),
    CONSTRAINT key_materials_description_length CHECK (char_length(description) <= 256),
    CONSTRAINT key_materials_expiration_model_word CHECK (expiration_model IN (
        'KEY_MATERIAL_EXPIRES', 'KEY_MATERIAL_DOES_NOT_EXPIRE')),
    CONSTRAINT key_materials_expiry_is_whole CHECK (
        (expiration_model IS NOT DISTINCT FROM 'KEY_MATERIAL_EXPIRES') = (valid_to IS NOT NULL))
);

CREATE UNIQUE INDEX key_materials_one_current ON key_materials (region, key_id) WHERE state = 'CURRENT';
CREATE INDEX key_materials_by_valid_to ON key_materials (valid_to) WHERE valid_to IS NOT NULL;

CREATE TABLE tags (
    region text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    tag_key text COLLATE "C" NOT NULL,
    tag_value text NOT NULL,
    CONSTRAINT tags_pkey PRIMARY KEY (region, key_id, tag_key),
    CONSTRAINT tags_key FOREIGN KEY (region, key_id) REFERENCES keys (region, key_id),
    CONSTRAINT tags_tag_key_length CHECK (char_length(tag_key) BETWEEN 1 AND 128),
    CONSTRAINT tags_tag_value_length CHECK (char_length(tag_value) <= 256)
);
