-- Undoes the counts of failed imports: the bound on guesses begins anew.
DROP TABLE import_mismatches;
