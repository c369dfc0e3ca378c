-- Undoes the outbox: records that no file holds yet are lost.
DROP TABLE audit_outbox;
