-- One row per running node: until when others must wait for it to acknowledge a change (design.md 6, publish and lease).
-- The time is the database's own, so that the clocks of the nodes do not matter.

CREATE TABLE nodes (
    node_id uuid NOT NULL,
    boot_id uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    name text NOT NULL,
    CONSTRAINT nodes_pkey PRIMARY KEY (node_id),
    CONSTRAINT nodes_boot_id_key UNIQUE (boot_id),
    CONSTRAINT nodes_name_length CHECK (char_length(name) BETWEEN 1 AND 256)
);
