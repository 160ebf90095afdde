"""Incidents of the platform: Airflow's own parts, AWS's services, and the monitoring."""

from lab.incidents.declarations.common import ORDERS, SOON
from lab.incidents.faults import BrokenDag, Stalled, Stopped, Throttled
from lab.incidents.incident import Expected, Incident
from lab.services import STATSD_EXPORTER

INCIDENTS = (
    Incident(
        name="exporter-down",
        title="The StatsD exporter is down",
        happens="""
            The exporter, through which all of Airflow's metrics come, is stopped. The pipelines run on, and
            nobody would see one fail.
        """,
        faults=(Stopped(STATSD_EXPORTER),),
        fires=(Expected("ExporterDown"),),
        within=SOON,
        hides=(
            Expected("SchedulerHeartbeatMissing"),
            Expected("DagProcessorHeartbeatMissing"),
            Expected("TriggererHeartbeatMissing"),
        ),
        resolves_within=120,
        look=("monitoring",),
        heals="""
            The exporter is started again. Its counters begin anew, which no alert takes for an event.
        """,
        say="""
            The quietest outage is that of the monitoring: StatsD is UDP, so that Airflow does not even
            notice. Absence has to be an alert of its own, and it has to hide what only seems to be wrong: no
            heartbeat arrives, but the scheduler is well. For Prometheus itself there is the Watchdog, which
            somebody outside has to miss.
        """,
    ),
    Incident(
        name="scheduler-stalled",
        title="The scheduler hangs",
        happens="""
            All processes of the scheduler stand still: they are there, their port is open, and they do
            nothing. A run of `orders_pipeline` is triggered and stays queued.
        """,
        faults=(Stalled("scheduler", ORDERS),),
        fires=(Expected("SchedulerHeartbeatMissing"),),
        within=SOON + 60,
        resolves_within=90,
        look=("platform", "home"),
        heals="""
            The scheduler's processes go on, and with them the run that has waited.
        """,
        say="""
            Nothing fails when the scheduler hangs, because nothing is started: an alert on failures stays
            green all night. A process list would not show it either. What shows it is a heartbeat that stops
            growing, and a rule that takes its absence for the alarm. The queues and schedules that stand
            still with it are hidden behind this alert.
        """,
        relies_on=frozenset({STATSD_EXPORTER, "api-server"}),
    ),
    Incident(
        name="dag-broken",
        title="A DAG file cannot be imported",
        happens="""
            A DAG file with an import that does not exist is delivered into `dags/`. Airflow goes on with
            everything else; of this DAG there is no run, and so no failure.
        """,
        faults=(
            BrokenDag(
                '"""Delivered by the incident dag-broken; `make heal` removes it."""\n\n'
                "from airflow.sdk import DAG\n"
                "from common.partners import partner_files\n\n"
                'with DAG("incident_dag_broken"):\n'
                "    partner_files()\n"
            ),
        ),
        fires=(Expected("DagImportErrors"),),
        within=SOON,
        resolves_within=90,
        look=("platform",),
        heals="""
            The file is removed, as a rollback of the delivery would.
        """,
        say="""
            A DAG that cannot be imported does not fail, it is simply not there: only the DAG processor knows.
            The check that belongs before it is in CI, where every file is imported and parsed without a
            connection. The alert is for what passed CI and breaks here: another provider version, a missing
            variable.
        """,
        relies_on=frozenset({"dag-processor", STATSD_EXPORTER}),
    ),
    Incident(
        name="s3-down",
        title="S3 does not answer",
        happens="""
            LocalStack, which is S3, Glue and Athena here, is stopped. Every request is refused; a pipeline
            that runs now retries for a few minutes and then fails.
        """,
        faults=(Stopped("localstack"),),
        fires=(Expected("ProbeFailed", {"target": "localstack"}),),
        within=SOON,
        hides=(Expected("AthenaSlow"),),
        resolves_within=90,
        look=("home", "platform"),
        heals="""
            LocalStack is started again; what was in it is still there.
        """,
        say="""
            One cause, one message: the failed probes of S3 and Athena, and the tasks that fail with them, are
            hidden behind the one alert that names the cause. The probes ask from outside and do not wait for
            a pipeline to run, so that an outage at noon is known at noon and not with the run of midnight.
        """,
    ),
    Incident(
        name="athena-slow",
        title="Athena takes seconds to answer",
        happens="""
            LocalStack works for a moment, then stands still for seconds, and so on, like a machine that is
            out of CPU credits. Everything still works, and takes far too long.
        """,
        # A probe comes five seconds after the last answer: in this rhythm always too early. It gives up after five.
        faults=(Throttled("localstack", works_seconds=0.6, stands_seconds=3.3),),
        fires=(Expected("AthenaSlow"),),
        within=240,
        resolves_within=120,
        look=("platform", "home"),
        heals="""
            LocalStack gets to work all of its time again.
        """,
        say="""
            Slow is harder than down: nothing fails, retries make it worse, and the first to notice is the one
            whose report is late. So latency is measured by a probe that always asks the same thing, and the
            alert is a warning with a duration. On AWS I would look at queue time and at the data scanned, and
            whose queries share the workgroup.
        """,
    ),
)
