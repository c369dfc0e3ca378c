-- A deployment may have several tokens: a key stays in the one that it was made for, and only one of them holds the root
-- key of the deployment.

ALTER TABLE token_stores ALTER COLUMN root_id DROP NOT NULL;
CREATE UNIQUE INDEX token_stores_one_root ON token_stores ((true)) WHERE root_id IS NOT NULL;

ALTER TABLE keys ADD COLUMN token text COLLATE "C";
UPDATE keys SET token = (SELECT token FROM token_stores WHERE root_id IS NOT NULL);
ALTER TABLE keys ALTER COLUMN token SET NOT NULL;
ALTER TABLE keys ADD CONSTRAINT keys_token_length CHECK (char_length(token) BETWEEN 1 AND 256);

-- A node of the version before knows of one token and names none.
CREATE FUNCTION keys_have_a_token() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.token IS NULL THEN
        NEW.token := (SELECT token FROM token_stores WHERE root_id IS NOT NULL);
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keys_have_a_token BEFORE INSERT ON keys FOR EACH ROW EXECUTE FUNCTION keys_have_a_token();

-- Beside a second token such a node would look for its objects in the first and find them gone, so it gets no lease then.
ALTER TABLE nodes ADD COLUMN knows_several_tokens boolean NOT NULL DEFAULT false;

CREATE FUNCTION nodes_know_the_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT NEW.knows_several_tokens AND (SELECT count(*) FROM token_stores WHERE established) > 1 THEN
        RAISE EXCEPTION 'this version of Strongroom knows one token, and the deployment has several';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER nodes_know_the_tokens BEFORE INSERT OR UPDATE ON nodes
    FOR EACH ROW EXECUTE FUNCTION nodes_know_the_tokens();
