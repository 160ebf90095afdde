"""The whole lab in containers from its first start on; the tests build on each other in this order."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from lab import aws, datamart, integration
from lab.airflow_api import AirflowApi, Run
from lab.demo import DAG_ID, RAW_CHECK
from tests.compose.compose_lab import RUN_SECONDS, ComposeLab, wait_for
from tests.compose.engine import docker
from tests.grafana.generated_dashboards import Question, dashboards, questions, variables

# The first test waits for all services, and, run alone, for an engine and images.
pytestmark = pytest.mark.timeout(2400)

Measure = Callable[[str], None]
Make = Callable[..., str]

MEGABYTE = 10**6
IMAGE_LIMITS = {"AIRFLOW_IMAGE": 900 * MEGABYTE, "LOCALSTACK_IMAGE": 500 * MEGABYTE}
MEMORY_LIMIT = 2500 * MEGABYTE
ML_MEMORY_LIMIT = 600 * MEGABYTE
ML = ("ml-host", "mlflow", "inference-api")
# An alert fires after a minute, and what it is about is known after a scrape and some rules.
ALERT_SECONDS = 120
DONE = {"lab-init", "airflow-init"}
# What is killed as soon as a task of the run has begun; it needs it, and so does what comes after.
KILLED = {
    "upload_csv_to_s3": "postgres",
    "create_external_raw_orders": "airflow-apiserver",
    "check_raw_orders": "airflow-scheduler",
    "ctas_orders_summary": "localstack",
}
NOT_BEGUN = {None, "scheduled", "queued"}
ONE_MORE_DAG = """
from airflow.sdk import dag, task

@dag(schedule=None)
def one_more():
    @task
    def hello():
        return "hello"
    hello()

one_more()
"""
ONE_MORE_RULE = "groups: [{name: one_more, rules: [{record: one_more, expr: vector(1)}]}]\n"


def wait_for_task(api: AirflowApi, run: Run, task_id: str) -> None:
    """Wait until a task of a run has begun: some take less than a second, and nobody sees them at work."""
    states = wait_for(
        f"{task_id} to begin",
        lambda: {task.task_id: task.state for task in api.tasks(run)},
        lambda states: states.get(task_id) not in NOT_BEGUN,
        RUN_SECONDS,
    )
    assert set(states.values()) != {"success"}, f"the run was over before {task_id} was seen to have begun"


def answer_of_grafana(client: httpx.Client, question: Question) -> list[Any]:
    """Ask Grafana for a panel's data as its page does, for everything that the variables offer; return the values."""
    everything = {name: ".*" for dashboard in dashboards().values() for name in variables(dashboard)}
    query = {
        "refId": "A",
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "expr": question.filled(everything),
        "instant": question.instant,
        "range": not question.instant,
        "intervalMs": 5000,
        "maxDataPoints": 500,
    }
    body = {"queries": [query], "from": "now-30m", "to": "now"}
    result = client.post("ds/query", json=body).raise_for_status().json()["results"]["A"]
    return [values for frame in result["frames"] for values in frame["data"]["values"] if values]


def test_every_service_is_up(lab: ComposeLab) -> None:
    states = lab.states()
    assert states == {name: "done" if name in DONE else "healthy" for name in lab.services}


def test_a_run_is_green_and_right(lab: ComposeLab, api: AirflowApi, first_run: Run, measure: Measure) -> None:
    tasks = api.tasks(first_run)
    assert first_run.state == "success", [api.error_message(first_run, one) for one in tasks if one.state == "failed"]
    lab.assert_right()
    assert len(datamart.partitions(lab.settings)) == 12
    measure(f"orders_pipeline in {sum(task.seconds or 0 for task in tasks):.0f} s of tasks")


def test_metrics_of_the_run_are_in_prometheus(lab: ComposeLab) -> None:
    lab.samples(f'airflow_ti_finish{{dag_id="{DAG_ID}",state="success"}}', lambda found: len(found) >= 8)
    lab.samples('pipeline_rows{stage="raw",outcome="read"} == 50000')
    lab.samples('datamart_last_success_timestamp_seconds{datamart="orders_summary"}')
    lab.samples("lab_probe_success == 1", lambda found: len(found) == 7)
    # Every target there is, none down.
    assert not lab.samples("up == 0", lambda found: not found)
    assert lab.alerts() == {"Watchdog"}


def test_an_export_of_bad_rows_fails_the_run(lab: ComposeLab, api: AirflowApi, make: Make) -> None:
    # Put into the clone now, and seen by the containers at once.
    make("incident", "data-dirty")
    (run,) = (one for one in api.unfinished() if one.dag_id == DAG_ID)
    run = lab.finished(api, run)
    assert run.state == "failed"
    assert [task.task_id for task in api.tasks(run) if task.state == "failed"] == [RAW_CHECK]
    lab.samples('pipeline_quality_checks_total{check="raw_orders",result="failed"}')


def test_the_run_has_trained_a_champion_which_scores(
    lab: ComposeLab, api: AirflowApi, first_run: Run, measure: Measure
) -> None:
    run = lab.finished(api, api.wait_for_consequence(first_run, integration.DAG_ID))
    tasks = api.tasks(run)
    assert run.state == "success", [api.error_message(run, one) for one in tasks if one.state == "failed"]
    measure(f"{integration.DAG_ID} in {sum(task.seconds or 0 for task in tasks):.0f} s of tasks")
    champion = api.result(run, "promote_model")["champion"]
    wait_for(
        "the inference API to take over the champion",
        lambda: httpx.get(f"{lab.settings.ml_api_url}/health", trust_env=False).raise_for_status().json(),
        lambda health: health["champions"][integration.PROJECT] == champion,
    )
    # The runs to come need no further training.
    api.pause(integration.DAG_ID)


def test_mlflow_keeps_its_runs_in_postgresql_and_its_models_in_s3(lab: ComposeLab) -> None:
    query = (
        "psql",
        "--username=airflow",
        "--dbname=mlflow",
        "--tuples-only",
        "--command=SELECT name FROM model_versions",
    )
    assert integration.PROJECT in lab.done("exec", "-T", "postgres", *query)
    s3, bucket = aws.s3_client(lab.settings), lab.settings.ml_artifacts_bucket
    assert s3.list_objects_v2(Bucket=bucket, Prefix="mlflow/")["KeyCount"] > 0


def test_the_machine_is_open_to_nobody_without_its_key(lab: ComposeLab) -> None:
    options = ("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")
    login = ("ssh", *options, "-p", str(lab.settings.ml_ssh_port), "mlops@127.0.0.1", "true")
    refused = lab.compose("exec", "-T", "ml-host", *login)
    assert refused.returncode
    assert "Permission denied (publickey)" in refused.stderr


def test_nothing_runs_as_root_or_may_become_it(lab: ComposeLab) -> None:
    for service in lab.services:
        container = lab.inspect(service)
        user = container["Config"]["User"]
        assert user.partition(":")[0] not in {"", "0", "root"}, service
        assert container["HostConfig"]["CapDrop"] == ["ALL"], service
        assert container["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"], service


def test_every_volume_has_a_name(lab: ComposeLab) -> None:
    """One without would stay behind whenever the lab is taken down."""
    for service in lab.services:
        volumes = {mount["Name"] for mount in lab.inspect(service)["Mounts"] if mount["Type"] == "volume"}
        assert all(name.startswith(f"{lab.project}_") for name in volumes), service


def test_no_secret_is_in_an_environment_or_a_command(lab: ComposeLab) -> None:
    made = lab.done("exec", "-T", "airflow-apiserver", "sh", "-c", "cd /var/lib/lab/secrets && tail -n +1 *")
    values = {line for line in made.splitlines() if len(line) > 20 and not line.startswith("==>")}
    assert len(values) >= 5
    for service in lab.services:
        said = json.dumps(lab.inspect(service)["Config"]) + lab.logs(service)
        assert not [value for value in values if value in said], service


def test_an_edited_dag_and_an_edited_rule_show_without_a_rebuild(lab: ComposeLab, api: AirflowApi) -> None:
    (lab.folder / "dags" / "one_more.py").write_text(ONE_MORE_DAG)
    (lab.folder / "alerting" / "rules" / "one_more.yml").write_text(ONE_MORE_RULE)
    api.wait_for_dag("one_more")
    lab.samples("one_more == 1")


def test_the_alert_on_the_bad_export_has_fired_and_the_messages_arrive(lab: ComposeLab) -> None:
    wait_for("the alert to fire", lab.alerts, lambda alerts: "DataQualityCheckFailed" in alerts, ALERT_SECONDS)
    wait_for(
        "messages of Airflow and of Alertmanager, by mail and to Slack",
        lambda: {(message["kind"], message["sender"]) for message in lab.messages()},
        lambda found: {kind for kind, _ in found} >= {"mail", "slack"} and len(found) >= 3,
    )
    told = [message["title"] for message in lab.messages()]
    assert any(RAW_CHECK in title for title in told), told


def test_a_run_survives_what_is_killed_in_its_middle(lab: ComposeLab, api: AirflowApi) -> None:
    run = api.trigger(DAG_ID, {})
    for task_id, service in KILLED.items():
        wait_for_task(api, run, task_id)
        lab.kill(service)
    run = lab.finished(api, run)
    assert run.state == "success", [api.error_message(run, one) for one in api.tasks(run) if one.state == "failed"]
    lab.assert_right()


def test_the_right_export_heals_the_bad_one(lab: ComposeLab, make: Make) -> None:
    make("heal")
    assert not list((lab.folder / "data" / "incidents").iterdir())


def test_metrics_come_again_after_the_exporter_was_killed(lab: ComposeLab) -> None:
    lab.kill("statsd-exporter")
    # Of what the new one does not have, there is no sample since its first scrape.
    new = 'time() - process_start_time_seconds{job="statsd-exporter"} < 60'
    lab.samples(f"airflow_scheduler_heartbeat and on (instance) ({new})")


def test_images_and_memory_are_as_small_as_promised(lab: ComposeLab, api: AirflowApi, measure: Measure) -> None:
    wait_for("nothing to run", api.unfinished, lambda runs: not runs, RUN_SECONDS)
    for name, limit in IMAGE_LIMITS.items():
        size = int(docker("image", "inspect", "--format", "{{.Size}}", lab.settings.environment[name]))
        measure(f"{name} {size / MEGABYTE:.0f} MB")
        assert size <= limit
    memory = lab.memory()
    assert memory.keys() == set(lab.services) - DONE
    each = ", ".join(f"{name} {size / MEGABYTE:.0f}" for name, size in memory.items())
    ml = sum(memory[name] for name in ML)
    measure(f"memory {sum(memory.values()) / MEGABYTE:.0f} MB: {each}")
    assert sum(memory.values()) <= MEMORY_LIMIT
    assert ml <= ML_MEMORY_LIMIT


def test_grafana_shows_every_dashboard_with_data(lab: ComposeLab, public_images: bool) -> None:  # noqa: FBT001
    """With the public images alone: of Grafana there is no stand-in."""
    if not public_images:
        assert "grafana" not in lab.states()
        return
    folder = lab.folder / "grafana" / "generated"
    expected = {json.loads(path.read_text())["uid"] for path in folder.glob("*.json")}
    with httpx.Client(base_url=f"{lab.settings.grafana_url}/api/", timeout=30, trust_env=False) as anonymous:
        found = anonymous.get("search", params={"type": "dash-db"}).raise_for_status().json()
        assert {dashboard["uid"] for dashboard in found} == expected
        assert anonymous.get("dashboards/home").raise_for_status().json()["dashboard"]["uid"] == "home"
        for question in questions():
            wait_for(
                f"{question.asker} to have data",
                lambda question=question: answer_of_grafana(anonymous, question),  # type: ignore[misc]
                lambda frames, empty=question.empty: frames or empty,  # type: ignore[misc]
            )
