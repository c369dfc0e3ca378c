-- The durable intent behind every token object: its row is committed `creating` before the object exists and
-- `destroying` before it goes (object-protocol.md 2 and 3). A `destroyed` row is a tombstone: it stays for ever, outlives
-- its key and keeps its object id from being used again. That is why no foreign key leads to keys; a trigger on keys
-- refuses instead to drop a key whose objects are not all destroyed.

CREATE TABLE key_objects (
    object_id uuid NOT NULL,
    kind text NOT NULL,
    label text NOT NULL,
    region text COLLATE "C",
    account text COLLATE "C",
    key_id text COLLATE "C",
    material_id bytea,
    token text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    claimed_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
    destroyed_at timestamptz(3),
    CONSTRAINT key_objects_pkey PRIMARY KEY (object_id),
    CONSTRAINT key_objects_kind_word CHECK (kind IN ('symmetric', 'wrapping', 'root', 'sentinel')),
    CONSTRAINT key_objects_state_word CHECK (state IN ('creating', 'present', 'destroying', 'destroyed')),
    CONSTRAINT key_objects_key_is_whole CHECK (num_nulls(region, account, key_id, material_id) IN (0, 4)),
    CONSTRAINT key_objects_key_has_material CHECK (kind = 'symmetric' OR key_id IS NULL),
    CONSTRAINT key_objects_material_has_key CHECK (kind <> 'symmetric' OR state <> 'present' OR key_id IS NOT NULL),
    CONSTRAINT key_objects_material_id_length CHECK (octet_length(material_id) = 32),
    CONSTRAINT key_objects_destroyed_has_time CHECK ((state = 'destroyed') = (destroyed_at IS NOT NULL))
);

CREATE UNIQUE INDEX key_objects_one_present ON key_objects (region, key_id, material_id, token) WHERE state = 'present';
CREATE UNIQUE INDEX key_objects_one_creating ON key_objects (region, key_id, material_id, token) WHERE state = 'creating';
CREATE INDEX key_objects_by_key ON key_objects (region, key_id) WHERE state <> 'destroyed';
CREATE INDEX key_objects_creating ON key_objects (created_at) WHERE state = 'creating';
CREATE INDEX key_objects_destroying ON key_objects (created_at) WHERE state = 'destroying';
CREATE INDEX key_objects_present_by_token ON key_objects (token) WHERE state = 'present';

CREATE FUNCTION key_objects_go_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        RAISE EXCEPTION 'rows of key_objects are never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'creating' THEN
            RAISE EXCEPTION 'an object begins in state creating' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.object_id, OLD.kind, OLD.label, OLD.token) <> (NEW.object_id, NEW.kind, NEW.label, NEW.token) THEN
        RAISE EXCEPTION 'the identity of an object never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    -- The id of generated material is known only when its object exists; until then the row may be without a key.
    IF (OLD.region, OLD.account, OLD.key_id, OLD.material_id)
        IS DISTINCT FROM (NEW.region, NEW.account, NEW.key_id, NEW.material_id)
        AND NOT (OLD.key_id IS NULL AND OLD.state = 'creating' AND NEW.state = 'creating') THEN
        RAISE EXCEPTION 'the key of an object never changes' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.state, NEW.state) NOT IN (
        ('creating', 'creating'), ('present', 'present'), ('destroying', 'destroying'), ('destroyed', 'destroyed'),
        ('creating', 'present'), ('creating', 'destroying'), ('present', 'destroying'), ('destroying', 'destroyed')) THEN
        RAISE EXCEPTION 'an object never goes from % to %', OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER key_objects_go_forward BEFORE INSERT OR UPDATE OR DELETE ON key_objects
    FOR EACH ROW EXECUTE FUNCTION key_objects_go_forward();
CREATE TRIGGER key_objects_are_kept BEFORE TRUNCATE ON key_objects
    FOR EACH STATEMENT EXECUTE FUNCTION key_objects_go_forward();

CREATE FUNCTION keys_wait_for_their_objects() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM key_objects o
               WHERE o.region = OLD.region AND o.key_id = OLD.key_id AND o.state <> 'destroyed') THEN
        RAISE EXCEPTION 'an object of the key is not destroyed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER keys_wait_for_their_objects BEFORE DELETE ON keys
    FOR EACH ROW EXECUTE FUNCTION keys_wait_for_their_objects();
