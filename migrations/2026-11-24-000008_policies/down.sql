-- Takes back the policies that were given; all of them mean what the default policy means.
DROP TABLE policies;
