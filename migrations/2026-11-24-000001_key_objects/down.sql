-- Undoes the table of objects together with its tombstones: only for development, never where a token holds keys.
DROP TRIGGER keys_wait_for_their_objects ON keys;
DROP FUNCTION keys_wait_for_their_objects();
DROP TABLE key_objects;
DROP FUNCTION key_objects_go_forward();
