"""Triggers that write down, as it happens, what may never happen: what a look at the end would no longer see.

They watch I4 (what a finished step gave never changes; an end stays one) and I10 (no timer or retry before its time).
"""

from __future__ import annotations

from django.db import connection


def install() -> None:
    """Begin to watch the database of the test, with an empty list. Repeated: forget what was seen."""
    with connection.cursor() as cursor:
        cursor.execute(_WATCH)
        cursor.execute("TRUNCATE faults_witness")


def remove() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TABLE IF EXISTS faults_witness; DROP FUNCTION IF EXISTS faults_watch_step() CASCADE;"
            " DROP FUNCTION IF EXISTS faults_watch_run() CASCADE"
        )


_WATCH = """
CREATE TABLE IF NOT EXISTS faults_witness (id bigserial PRIMARY KEY, saw text);

CREATE OR REPLACE FUNCTION faults_watch_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status IN ('succeeded', 'skipped') AND (NEW.status <> OLD.status
            OR NEW.output::text IS DISTINCT FROM OLD.output::text OR NEW.output_sha256 <> OLD.output_sha256) THEN
        INSERT INTO faults_witness (saw) VALUES (format(
            'I4 step %s of run %s was %s and has been changed to %s', OLD.path, OLD.run_id, OLD.status, NEW.status));
    END IF;
    IF OLD.status = 'waiting' AND OLD.wake_at > clock_timestamp() AND NEW.signal ->> 'kind' = 'timer' THEN
        INSERT INTO faults_witness (saw) VALUES (format(
            'I10 step %s of run %s was woken %s before its time', OLD.path, OLD.run_id,
            OLD.wake_at - clock_timestamp()));
    END IF;
    IF OLD.status = 'ready' AND NEW.status = 'running' AND OLD.run_after > clock_timestamp() THEN
        INSERT INTO faults_witness (saw) VALUES (format(
            'I10 step %s of run %s was begun %s before its time', OLD.path, OLD.run_id,
            OLD.run_after - clock_timestamp()));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION faults_watch_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A cancelled item goes on with the run around it, and a run that is too old is cancelled before it fails.
    IF (OLD.status = 'succeeded' OR (OLD.status = 'cancelled' AND OLD.parent_id IS NULL))
            AND (NEW.status <> OLD.status OR NEW.output::text IS DISTINCT FROM OLD.output::text)
            AND NEW.error ->> 'code' IS DISTINCT FROM 'expired' THEN
        INSERT INTO faults_witness (saw) VALUES (format(
            'I4 run %s was %s and has been changed to %s', OLD.id, OLD.status, NEW.status));
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER faults_watch_step AFTER UPDATE ON workflows_steprun
    FOR EACH ROW EXECUTE FUNCTION faults_watch_step();
CREATE OR REPLACE TRIGGER faults_watch_run AFTER UPDATE ON workflows_run
    FOR EACH ROW EXECUTE FUNCTION faults_watch_run();
"""
