-- Back to one token: fails while a token without a root key is known, because its keys would be looked for in the other.

DROP TRIGGER nodes_know_the_tokens ON nodes;
DROP FUNCTION nodes_know_the_tokens();
ALTER TABLE nodes DROP COLUMN knows_several_tokens;
DROP TRIGGER keys_have_a_token ON keys;
DROP FUNCTION keys_have_a_token();
ALTER TABLE keys DROP COLUMN token;
DROP INDEX token_stores_one_root;
ALTER TABLE token_stores ALTER COLUMN root_id SET NOT NULL;
