"""Incidents of the ML team's machine and its models."""

from lab.incidents import exports
from lab.incidents.declarations.common import AUTHORIZED_KEYS, CHURN, CREDIT_RISK, ORDERS, SOON, TRAININGS
from lab.incidents.faults import BadRun, Replaced, Stopped, SwitchedOff
from lab.incidents.incident import Expected, Incident
from lab.incidents.parts import PartFile

# The ML team's hook: what stands there holds on their machine until it is removed.
OVERRIDES = PartFile("ml-host", "state/overrides.yaml")
# The data of churn are those that orders_pipeline writes.
CHURN_TRAININGS = TRAININGS | {ORDERS}


INCIDENTS = (
    Incident(
        name="ssh-down",
        title="The ML team's machine does not answer",
        happens="""
            sshd on the ML team's machine is stopped. `mlops_credit_risk_integration` runs: its check of the
            connection fails, and is tried again for two minutes or so before the run fails. The model stays
            what it was.
        """,
        faults=(Stopped("ml-host"), BadRun(CREDIT_RISK)),
        fires=(
            Expected("SSHConnectionFailed", {"dag_id": CREDIT_RISK}),
            Expected("ProbeFailed", {"target": "ml-host"}),
        ),
        within=SOON + 30,
        hides=(
            Expected("TaskRetriesStorm", {"dag_id": CREDIT_RISK}),
            Expected("RunFailed", {"dag_id": CREDIT_RISK}),
        ),
        resolves_within=150,
        look=("mlops", "pipelines"),
        heals="""
            sshd is started again. Whoever heals within two minutes sees the next try of the task succeed,
            without a new run.
        """,
        say="""
            The first task of the DAG asks one thing only: do we get onto the machine? So a failure has an
            address at once, instead of hiding in the log of a training. It is retried, because machines
            restart; the alert counts failed tries, because on call I do not want to wait for the last one.
            The probe next to it says that it is the machine and not the key.
        """,
        relies_on=TRAININGS,
    ),
    Incident(
        name="ssh-key-rotated",
        title="The ML team has changed the keys that may log in",
        happens="""
            The machine's `authorized_keys` holds another key than Airflow's. sshd answers, and refuses it.
            The task fails at once: no further try could do better.
        """,
        faults=(
            Replaced(
                AUTHORIZED_KEYS,
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9jeIJD8o7sLJMMPnpwEBM3ya1Zqw6SXhRlSXkwyYgK somebody-else\n",
            ),
            BadRun(CREDIT_RISK),
        ),
        fires=(
            Expected("SSHConnectionFailed", {"dag_id": CREDIT_RISK}),
            Expected("RunFailed", {"dag_id": CREDIT_RISK}),
        ),
        within=SOON + 30,
        resolves_within=150,
        look=("mlops", "pipelines"),
        heals="""
            The key is authorized again; in the real world the new one goes into the connection. Then the DAG
            runs.
        """,
        say="""
            The same alert as when the machine is down, and no failed probe beside it: that tells the two
            apart before I have read a log. Refused keys are not retried; that would only lock the account.
            The other half of the trust is the host key: it is pinned in the connection, and a machine that
            shows another one gets nothing from us.
        """,
        relies_on=TRAININGS,
    ),
    Incident(
        name="training-crash",
        title="The training crashes",
        happens="""
            On the ML team's machine a setting is changed to one that no model takes. `train_model` fails,
            `rollback_model` takes back what the run did in the registry, and the champion goes on scoring.
        """,
        faults=(Replaced(OVERRIDES, "projects: {churn: {model: {parameters: {C: -1}}}}\n"), BadRun(CHURN)),
        fires=(Expected("TrainingFailed", {"dag_id": CHURN}), Expected("RunFailed", {"dag_id": CHURN})),
        within=SOON + 60,
        resolves_within=180,
        look=("mlops", "inference"),
        heals="""
            The setting is taken back, and the integration runs again.
        """,
        say="""
            What matters first is what did not happen: the old champion still answers, because a version
            becomes it only after all checks, and the rollback is a task of the DAG and not a page in a wiki.
            The exit code tells Airflow that another try is useless. Then I read the last line of the log,
            which names the setting.
        """,
        relies_on=CHURN_TRAININGS,
        after=(ORDERS,),
    ),
    Incident(
        name="training-slow",
        title="A training takes far longer than usual",
        happens="""
            On the ML team's machine the credit model is told to grow a hundred times as many trees, and never
            to stop early. Nothing fails; `train_model` of `mlops_credit_risk_integration` just does not come
            to its end.
        """,
        faults=(
            Replaced(
                OVERRIDES,
                "projects:\n"
                "  credit_risk:\n"
                "    model:\n"
                "      parameters: {max_iter: 20000, learning_rate: 0.001, early_stopping: false}\n",
            ),
            BadRun(CREDIT_RISK, restarted="train_model"),
        ),
        fires=(Expected("TrainingSlowerThanUsual", {"project": "credit_risk"}),),
        within=300,
        # A try that a person ends counts as a failed one.
        may_follow=(Expected("TrainingFailed", {"dag_id": CREDIT_RISK}), Expected("RunSlow", {"dag_id": CREDIT_RISK})),
        resolves_within=180,
        look=("mlops",),
        heals="""
            The setting is taken back and the task is cleared: its command is ended on the machine, and begun
            anew.
        """,
        say="""
            A fixed limit is either too tight for the big model or too loose for the small one, so the first
            alert compares with what is usual for this model, and a fixed one of an hour stands behind it. The
            command runs in a terminal of its connection: whoever ends the task in Airflow ends the command on
            the machine, too, and leaves no orphan that eats the CPU of the next one.
        """,
        relies_on=TRAININGS,
        after=(CREDIT_RISK,),
    ),
    Incident(
        name="training-biased",
        title="A new model treats people unalike",
        happens="""
            On the ML team's machine somebody tells the model the customers' country, leaves out half of the
            Brazilians who left, and lowers the bar of quality. The model is trained, and fails its test of
            fairness: it is not promoted.
        """,
        faults=(
            Replaced(
                OVERRIDES,
                "projects:\n"
                "  churn:\n"
                "    features: {columns: {pays_in_brl: {minimum: 0, maximum: 1}}}\n"
                "    model: {sampling: {BRL: {positive: 0.5}}}\n"
                "    quality: {gain_over_baseline: 0, loss_to_champion: 0.1, calibration_error: 0.1}\n",
            ),
            BadRun(CHURN),
        ),
        fires=(
            Expected("ModelCheckFailed", {"project": "churn", "check": "fairness"}),
            Expected("RunFailed", {"dag_id": CHURN}),
            Expected("TaskFailed", {"dag_id": CHURN, "task_id": "test_fairness"}),
        ),
        within=SOON + 60,
        resolves_within=180,
        look=("mlops",),
        heals="""
            The settings are taken back, and the integration runs again.
        """,
        say="""
            The accuracy of such a model looks fine; that is the point. So fairness is a test of its own on
            people the model has never seen, by group, with limits in the configuration, and promotion is
            refused on the machine itself, not only skipped in the DAG. Lowering the bar of quality does not
            help, because the checks do not know of each other.
        """,
        relies_on=CHURN_TRAININGS,
        after=(ORDERS,),
    ),
    Incident(
        name="drift",
        title="The customers have changed, the model has not",
        happens="""
            The export is of a shop with other prices and habits: each row is good, and there are as many as
            ever. The integration is switched off, so that nobody retrains. `ml_monitoring_pipeline` compares
            with what the champion has learned from.
        """,
        faults=(
            SwitchedOff(CHURN),
            BadRun(ORDERS, spoil=exports.of_other_habits, to_its_end=True),
            BadRun("ml_monitoring_pipeline", configuration={"project": "churn"}),
        ),
        fires=(Expected("ModelDrifted", {"project": "churn"}),),
        within=SOON + 120,
        resolves_within=180,
        look=("mlops", "inference"),
        heals="""
            Here, the usual export comes back and the monitoring runs again. In the real world a model is
            trained on the new data: `ml_continuous_training_pipeline` does it where it is switched on.
        """,
        say="""
            Nothing fails, and no score looks odd by itself; labels come two months later. So the inputs are
            compared, feature by feature, with those of the training: by the population stability index, and
            Kolmogorov and Smirnov's distance. Drift is no failure of the run. It is a warning to people and,
            where we trust it, the trigger of a training, once in six hours at most.
        """,
        relies_on=TRAININGS,
        after=(ORDERS, CHURN),
    ),
)
