-- Undoes the tables of keys; refused by the foreign keys while later tables still point here.
DROP TABLE tags;
DROP TABLE key_materials;
DROP TABLE keys;
