//! The rows in Postgres: models, queries, migrations, publish and lease. The only user of diesel.
