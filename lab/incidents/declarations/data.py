"""Incidents of the data: what is delivered is wrong, cut off, or not there."""

from lab.demo import RAW_CHECK
from lab.incidents import exports
from lab.incidents.declarations.common import CHURN, CREDIT_RISK, ORDERS, RUNS, SOON, TRAININGS
from lab.incidents.faults import BadRun, Missing
from lab.incidents.incident import Expected, Incident

INCIDENTS = (
    Incident(
        name="data-dirty",
        title="The shop's export is full of bad rows",
        happens="""
            Every third order of the export has no amount. `orders_pipeline` runs over it: its raw check
            counts the bad rows and fails the run, so that `orders_summary` stays that of yesterday.
        """,
        faults=(BadRun(ORDERS, spoil=exports.dirty),),
        fires=(
            Expected("DataQualityCheckFailed", {"dag_id": ORDERS, "check": "raw_orders"}),
            Expected("RunFailed", {"dag_id": ORDERS}),
            Expected("TaskFailed", {"dag_id": ORDERS, "task_id": RAW_CHECK}),
        ),
        within=SOON + 30,
        resolves_within=150,
        look=("orders-data", "pipelines"),
        heals="""
            The export is delivered again as it should be, and `orders_pipeline` runs over it.
        """,
        say="""
            A pipeline that succeeds on bad data is worse than one that fails: people decide by its figures.
            So the check stands before the old table is dropped, it counts what it rejects by reason, and a
            threshold tells dirt from disaster. On call I first read which reason grew: one reason alone
            points at one change in the source.
        """,
        relies_on=RUNS,
    ),
    Incident(
        name="data-shrunk",
        title="The shop's export is cut off",
        happens="""
            The export ends after a third of the orders. Each of its rows is good, so every check passes and
            `orders_pipeline` succeeds: two thirds of the revenue are gone from `orders_summary`.
        """,
        faults=(BadRun(ORDERS, spoil=exports.cut_off, to_its_end=True),),
        fires=(Expected("RowsDroppedByHalf", {"dag_id": ORDERS}),),
        within=SOON + 30,
        # Where the integration is switched on, it trains on what is left, and the model may not be good enough.
        may_follow=(
            Expected("ModelCheckFailed", {"project": "churn"}),
            Expected("TrainingFailed", {"dag_id": CHURN}),
            Expected("RunFailed", {"dag_id": CHURN}),
            Expected("TaskFailed", {"dag_id": CHURN}),
        ),
        resolves_within=420,
        look=("orders-data",),
        heals="""
            The whole export is delivered, and `orders_pipeline` runs over it.
        """,
        say="""
            No row is wrong, some are missing, and a check of rows cannot see that. Volume has to be compared
            with what is usual: here, with the run before. It is a warning and does not fail the run, because
            a drop can be real; somebody has to look.
        """,
        relies_on=RUNS,
        after=(ORDERS,),
    ),
    Incident(
        name="data-late",
        title="A partner's file has not come",
        happens="""
            The file of credit applications is not in the bucket when `mlops_credit_risk_integration` begins.
            Its sensor waits, deferred, and takes no worker meanwhile.
        """,
        faults=(Missing("partner-data/credit_risk/credit_applications.csv"), BadRun(CREDIT_RISK)),
        fires=(Expected("DatamartLate", {"dag_id": CREDIT_RISK}),),
        within=SOON + 90,
        resolves_within=120,
        look=("mlops", "pipelines"),
        heals="""
            The file is delivered. The sensor sees it by itself, and the run goes on.
        """,
        say="""
            Late data are no error of ours, so nothing fails and nothing retries: a deferrable sensor waits in
            the triggerer at no cost. But waiting must not be silent. The alert is on the wait, not on the
            failure that would come hours later, because the one who can help is the partner, and they should
            hear of it now.
        """,
        relies_on=TRAININGS,
    ),
)
