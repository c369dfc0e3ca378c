-- The audit record of a change, committed with the change itself (design.md I4 and 9), until it is in a node's file.

CREATE TABLE audit_outbox (
    id bigserial NOT NULL,
    event_id uuid NOT NULL,
    request_id text NOT NULL,
    record text NOT NULL,
    node text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT audit_outbox_pkey PRIMARY KEY (id),
    CONSTRAINT audit_outbox_event_id_key UNIQUE (event_id),
    CONSTRAINT audit_outbox_request_id_length CHECK (char_length(request_id) BETWEEN 1 AND 256)
);

CREATE INDEX audit_outbox_by_request ON audit_outbox (request_id);
