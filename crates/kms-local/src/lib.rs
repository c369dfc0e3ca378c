//! A private Postgres and a SoftHSM token under one folder, for dev and for tests.
