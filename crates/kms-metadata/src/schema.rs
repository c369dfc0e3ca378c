// What the migrations make, in the form of `diesel print-schema` (diesel.toml); a test compares it with the database.

diesel::table! {
    aliases (region, account, name) {
        region -> Text,
        account -> Text,
        name -> Text,
        target_key_id -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    audit_outbox (id) {
        id -> Int8,
        event_id -> Uuid,
        request_id -> Text,
        record -> Text,
        node -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    import_mismatches (region, key_id, day) {
        region -> Text,
        key_id -> Text,
        day -> Date,
        mismatches -> Int4,
    }
}

diesel::table! {
    key_materials (region, key_id, material_id) {
        region -> Text,
        key_id -> Text,
        material_id -> Bytea,
        position -> Int8,
        state -> Text,
        description -> Nullable<Text>,
        expiration_model -> Nullable<Text>,
        valid_to -> Nullable<Timestamptz>,
        public_key -> Nullable<Bytea>,
    }
}

diesel::table! {
    key_objects (object_id) {
        object_id -> Uuid,
        kind -> Text,
        label -> Text,
        region -> Nullable<Text>,
        account -> Nullable<Text>,
        key_id -> Nullable<Text>,
        material_id -> Nullable<Bytea>,
        token -> Text,
        state -> Text,
        claimed_by -> Text,
        created_at -> Timestamptz,
        destroyed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    keys (region, key_id) {
        region -> Text,
        key_id -> Text,
        account -> Text,
        version -> Int8,
        material_version -> Int8,
        description -> Text,
        spec -> Text,
        usage -> Text,
        origin -> Text,
        enabled -> Bool,
        created_at -> Timestamptz,
        deletion_date -> Nullable<Timestamptz>,
        purge_started_at -> Nullable<Timestamptz>,
        sealed_salt -> Bytea,
        token -> Text,
    }
}

diesel::table! {
    nodes (node_id) {
        node_id -> Uuid,
        boot_id -> Uuid,
        lease_until -> Timestamptz,
        name -> Text,
        knows_several_tokens -> Bool,
    }
}

diesel::table! {
    policies (region, key_id, name) {
        region -> Text,
        key_id -> Text,
        name -> Text,
        document -> Text,
    }
}

diesel::table! {
    tags (region, key_id, tag_key) {
        region -> Text,
        key_id -> Text,
        tag_key -> Text,
        tag_value -> Text,
    }
}

diesel::table! {
    token_stores (token) {
        token -> Text,
        deployment_id -> Uuid,
        sentinel_id -> Uuid,
        root_id -> Nullable<Uuid>,
        established -> Bool,
    }
}

diesel::table! {
    wrapping_keys (object_id) {
        object_id -> Uuid,
        spec -> Text,
        algorithm -> Text,
        public_key -> Bytea,
        account -> Nullable<Text>,
        region -> Nullable<Text>,
        key_id -> Nullable<Text>,
        token_sha256 -> Nullable<Bytea>,
        expires_at -> Nullable<Timestamptz>,
        attempts -> Int4,
        created_at -> Timestamptz,
    }
}

diesel::joinable!(wrapping_keys -> key_objects (object_id));

diesel::allow_tables_to_appear_in_same_query!(
    aliases,
    audit_outbox,
    import_mismatches,
    key_materials,
    key_objects,
    keys,
    nodes,
    policies,
    tags,
    token_stores,
    wrapping_keys,
);
