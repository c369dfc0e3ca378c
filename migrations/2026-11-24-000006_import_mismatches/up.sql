-- How often a day the bytes imported into a key were other ones than they must be: whoever may import could otherwise try
-- guesses at material of low entropy without bound (cryptography.md 2). Rows of past days are forgotten.

CREATE TABLE import_mismatches (
    region text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    day date NOT NULL,
    mismatches integer NOT NULL,
    CONSTRAINT import_mismatches_pkey PRIMARY KEY (region, key_id, day),
    CONSTRAINT import_mismatches_count_up CHECK (mismatches > 0)
);
