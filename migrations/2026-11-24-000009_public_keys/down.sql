-- Drops the public halves; the keys of this version's pairs cannot be served without them.

ALTER TABLE key_materials DROP COLUMN public_key;
