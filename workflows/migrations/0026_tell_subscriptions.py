"""The database itself writes what is to be told, in the transaction of what it tells of: whoever changes a run or a task.

An id is a UUID of version 7, as those that the server makes (rule E7): 60 bits of time, so that what one statement writes
keeps its order, then chance.
"""

from django.db import migrations

TELL = """
CREATE FUNCTION delivery_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(
        substring(int8send(us / 1000) FROM 3)
        || substring(int4send((28672 + (us % 1000) * 4096 / 1000)::int) FROM 3)
        || substring(uuid_send(gen_random_uuid()) FROM 9), 'hex'
    )::uuid
    FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS clock
$$;

CREATE FUNCTION tell_subscriptions(told_type text, told_department uuid, told_workflow uuid, told_run uuid, told jsonb)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO workflows_delivery (id, subscription_id, type, run_id, data)
    SELECT delivery_id(), each.id, told_type, told_run,
        told || jsonb_build_object('workflow', told_workflow, 'workflow_slug', workflow.slug)
    FROM workflows_subscription AS each JOIN workflows_workflow AS workflow ON workflow.id = told_workflow
    WHERE each.department_id = told_department AND each.enabled AND each.removed_at IS NULL
        AND each.events ? told_type AND (each.workflow_id IS NULL OR each.workflow_id = told_workflow);
END $$;

CREATE FUNCTION tell_of_run() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told jsonb := jsonb_build_object('id', NEW.id, 'status', NEW.status);
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM tell_subscriptions(
            'run.started', NEW.department_id, NEW.workflow_id, NEW.id, told || '{"status": "running"}'
        );
    END IF;
    IF NEW.status IN ('succeeded', 'failed', 'cancelled') THEN
        PERFORM tell_subscriptions('run.' || NEW.status, NEW.department_id, NEW.workflow_id, NEW.id, told);
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM tell_subscriptions('run.resumed', NEW.department_id, NEW.workflow_id, NEW.id, told);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER run_started AFTER INSERT ON workflows_run FOR EACH ROW
    WHEN (NEW.parent_id IS NULL AND NEW.mode = 'live') EXECUTE FUNCTION tell_of_run();

CREATE TRIGGER run_ended AFTER UPDATE OF status ON workflows_run FOR EACH ROW
    WHEN (
        NEW.parent_id IS NULL AND NEW.mode = 'live' AND NEW.status <> OLD.status AND (
            NEW.status IN ('succeeded', 'failed', 'cancelled') OR OLD.status IN ('succeeded', 'failed', 'cancelled')
        )
    ) EXECUTE FUNCTION tell_of_run();

CREATE FUNCTION tell_of_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told_type text := 'task.' || CASE NEW.status WHEN 'open' THEN 'opened' ELSE NEW.status END;
    of_run record;
BEGIN
    -- First whether anybody wants to know: of most departments nobody does.
    PERFORM FROM workflows_subscription AS each
        WHERE each.department_id = NEW.department_id AND each.enabled AND each.removed_at IS NULL
            AND each.events ? told_type;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT workflow_id, mode INTO of_run FROM workflows_run WHERE id = NEW.run_id;
    IF of_run.mode = 'live' THEN
        PERFORM tell_subscriptions(
            told_type, NEW.department_id, of_run.workflow_id, NEW.run_id,
            jsonb_build_object(
                'id', NEW.id, 'run', NEW.run_id, 'kind', NEW.kind, 'status', NEW.status, 'due_at', NEW.due_at,
                'decision', CASE WHEN NEW.status = 'decided' THEN NEW.answer ->> 'decision' END
            )
        );
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER task_opened AFTER INSERT ON workflows_task FOR EACH ROW EXECUTE FUNCTION tell_of_task();

CREATE TRIGGER task_over AFTER UPDATE OF status ON workflows_task FOR EACH ROW
    WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION tell_of_task();
"""

TELL_NOBODY = """
DROP TRIGGER task_over ON workflows_task; DROP TRIGGER task_opened ON workflows_task;
DROP TRIGGER run_ended ON workflows_run; DROP TRIGGER run_started ON workflows_run;
DROP FUNCTION tell_of_task(); DROP FUNCTION tell_of_run();
DROP FUNCTION tell_subscriptions(text, uuid, uuid, uuid, jsonb); DROP FUNCTION delivery_id();
"""


class Migration(migrations.Migration):
    dependencies = [("workflows", "0025_subscriptions")]
    operations = [migrations.RunSQL(TELL, TELL_NOBODY)]
