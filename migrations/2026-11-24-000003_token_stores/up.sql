-- What each token must hold to be ours: the deployment id of its sentinel object and the root key (object-protocol.md 4,
-- start). The objects' own rows are in key_objects; they may be written in another transaction than this row.

CREATE TABLE token_stores (
    token text COLLATE "C" NOT NULL,
    deployment_id uuid NOT NULL,
    sentinel_id uuid NOT NULL,
    root_id uuid NOT NULL,
    established boolean NOT NULL DEFAULT false,
    CONSTRAINT token_stores_pkey PRIMARY KEY (token),
    CONSTRAINT token_stores_token_length CHECK (char_length(token) BETWEEN 1 AND 256),
    CONSTRAINT token_stores_objects_differ CHECK (sentinel_id <> root_id)
);
