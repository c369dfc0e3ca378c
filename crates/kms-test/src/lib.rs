//! Throw-away Postgres databases and tokens for tests. A dev-dependency only.
