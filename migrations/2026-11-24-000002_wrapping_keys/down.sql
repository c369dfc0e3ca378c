-- Undoes the table of wrapping keys: every import token that is out becomes invalid.
DROP TABLE wrapping_keys;
