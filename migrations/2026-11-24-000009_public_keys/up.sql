-- The public half of a key pair, DER SubjectPublicKeyInfo: it is never a token object, and an imported private key in a
-- token cannot always tell it (hsm-facts 1). Null for secrets.

ALTER TABLE key_materials
    ADD COLUMN public_key bytea,
    ADD CONSTRAINT key_materials_public_key_length CHECK (octet_length(public_key) BETWEEN 1 AND 8192);
