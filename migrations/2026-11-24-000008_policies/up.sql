-- Policies as they were given with a key, to be read back as they were written. A key without a row has the default policy.

CREATE TABLE policies (
    region text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    document text NOT NULL,
    CONSTRAINT policies_pkey PRIMARY KEY (region, key_id, name),
    CONSTRAINT policies_key FOREIGN KEY (region, key_id) REFERENCES keys (region, key_id),
    CONSTRAINT policies_name_word CHECK (name = 'default'),
    CONSTRAINT policies_document_length CHECK (octet_length(document) BETWEEN 1 AND 32768)
);
