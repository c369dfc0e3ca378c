-- Undoes the table of tokens: a node then no longer knows which token is its own.
DROP TABLE token_stores;
