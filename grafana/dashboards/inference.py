"""Inference: the scores that the API gives: how many, how fast, by which version, and on what kind of rows."""

from grafana.dashboards.addresses import INFERENCE, MLFLOW
from grafana.dashboards.building import Line, Section, dashboard, variable
from grafana.dashboards.fields import BAD, BUSY, DRIFTED, GOOD, UP, WARNING, Field, data_link, steps
from grafana.dashboards.panels import Query, bar_gauge, linked, stat, state_timeline, time_series
from grafana.dashboards.queries import quantiles

OF_PROJECT = '{project=~"$project"}'
# Of requests the route alone says which project is meant: /v1/PROJECT/score for one row, /v1/PROJECT/scores for many.
SCORES = '{route=~"/v1/($project)/scores?"}'
SINGLE = '{route=~"/v1/($project)/score"}'
BATCHES = '{route=~"/v1/($project)/scores"}'
SLOW = steps(GOOD, (0.1, WARNING))
FAILING = steps(GOOD, (0.01, BAD))
# In tenths, as the API counts them.
BINS = [f"{tenth / 10}" for tenth in range(1, 11)]

NOBODY_ASKS = "Nobody asks for scores."
UNPROMOTED = "No version has been promoted yet."
TOO_FEW = "Fewer than 200 rows have been scored."

TO_MODELS = data_link("Models in MLflow", f"{MLFLOW}/#/models")
TO_API = data_link("The API's own documentation", f"{INFERENCE}/docs")

REQUESTS_NOW = f"sum(rate(inference_requests_total{SCORES}[$__rate_interval]))"
P99 = quantiles("inference_latency_seconds", SINGLE)[-1].expr
FAILURES = 'sum(rate(inference_errors_total{kind!="invalid"}[$__rate_interval]))'


def scores_up_to(upper: str) -> str:
    """Return the scores not above a bin's end."""
    return f'(sum(inference_score_bucket{{project=~"$project",le="{upper}"}}))'


def scores_of_bin(place: int) -> str:
    """Return the scores of a bin alone: a histogram's buckets hold those of all before them too."""
    below = f" - {scores_up_to(BINS[place - 1])}" if place else ""
    return f"{scores_up_to(BINS[place])}{below}"


UPS = linked(
    stat(
        "Services",
        "Whether the inference API and MLflow, whose registry it asks for the champion, answer.",
        [Query('lab_probe_success{target=~"inference-api|mlflow"}', "{{target}}")],
        UP,
        named=True,
    ),
    TO_API,
)
REGISTRY = stat(
    "Registry",
    "Whether the registry answered when the API last asked for the champion. If not, the last champion goes on.",
    [Query(f"min by (project) (inference_registry_up{OF_PROJECT})", "{{project}}")],
    UP,
    named=True,
)
VERSION = stat(
    "Model version",
    "The version of each project that scores.",
    [Query(f"max by (project) (inference_model_version{OF_PROJECT})", "{{project}}")],
    Field(unit="none", links=[TO_MODELS], empty=UNPROMOTED),
    named=True,
)
RATE = stat(
    "Requests/s",
    "Requests for scores, single and in batches, that are answered in a second.",
    [Query(f"{REQUESTS_NOW} or vector(0)")],
    Field(decimals=1),
)
SLOWEST = stat(
    "p99",
    "What 99 % of the single scores do not exceed. More than 100 ms are an alert.",
    [Query(P99)],
    Field(unit="s", steps=SLOW, empty=NOBODY_ASKS),
)
FAILED = stat(
    "Failures",
    "Share of the requests for scores that fail by the API's own fault. More than 1 % are an alert.",
    [Query(f"clamp_max({FAILURES} / ({REQUESTS_NOW} > 0), 1) or vector(0)")],
    Field(unit="percentunit", decimals=1, steps=FAILING),
)
REQUESTS = time_series(
    "Requests",
    "Requests for scores that are answered in a second, by route and status: 422 is the client's fault, 503 that there"
    " is no champion.",
    [
        Query(
            f"sum by (route, status) (rate(inference_requests_total{SCORES}[$__rate_interval]))", "{{route}} {{status}}"
        )
    ],
    Field(empty=NOBODY_ASKS),
)
LATENCY = time_series(
    "Latency",
    "What half, 95 % and 99 % of the single scores do not exceed, and 95 % of the batches; and the limit of 100 ms for"
    " single ones.",
    [
        *quantiles("inference_latency_seconds", SINGLE),
        Query(quantiles("inference_latency_seconds", BATCHES)[1].expr, "batches p95"),
    ],
    Field(unit="s", steps=SLOW, empty=NOBODY_ASKS),
    limit=True,
)
ERRORS = time_series(
    "Errors",
    "Requests that are not served in a second, by kind: invalid is the client's fault, the others are the API's.",
    [Query("sum by (kind) (rate(inference_errors_total[$__rate_interval]))", "{{kind}}")],
    Field(colors={"crash": BAD, "no_champion": WARNING, "invalid": BUSY}),
)
DISTRIBUTION = bar_gauge(
    "Scores",
    "Scores that were given, in tenths, since the API started.",
    [Query(scores_of_bin(place), f"up to {upper}") for place, upper in enumerate(BINS)],
    Field(unit="none", low=0, steps=steps(BUSY)),
)
GIVEN = time_series(
    "Scores per second",
    "Scores that are given in a second, in single requests and in batches.",
    [Query(f"sum by (project) (rate(inference_score_count{OF_PROJECT}[$__rate_interval]))", "{{project}}")],
    Field(),
)
VERSIONS = time_series(
    "Model version, over time",
    "The version of each project that scores, at each moment: a new champion is taken over without a restart.",
    [Query(f"max by (project) (inference_model_version{OF_PROJECT})", "{{project}}")],
    Field(decimals=0, empty=UNPROMOTED),
)
REGISTRY_OVER_TIME = state_timeline(
    "Registry, over time",
    "Whether the registry answered when the API asked for the champion.",
    [Query(f"min by (project) (inference_registry_up{OF_PROJECT})", "{{project}}")],
    UP,
)
DRIFT = bar_gauge(
    "Feature drift",
    "Population stability index of the latest 2,000 rows scored against the champion's training: the ten features that"
    " are furthest from it. Above 0.25 they have drifted.",
    [
        Query(
            f"topk(10, max by (project, feature) (inference_feature_drift_psi{OF_PROJECT}))", "{{project}}: {{feature}}"
        )
    ],
    Field(decimals=3, low=0, high=0.5, steps=DRIFTED, empty=TOO_FEW),
)
DRIFT_OVER_TIME = time_series(
    "Feature drift, over time",
    "Population stability index of the feature of each project that is furthest from the champion's training.",
    [Query(f"max by (project) (inference_feature_drift_psi{OF_PROJECT})", "{{project}}")],
    Field(decimals=3, steps=DRIFTED, empty=TOO_FEW),
    limit=True,
)

DASHBOARD = dashboard(
    "inference",
    "Inference",
    "The scores that the inference API gives: how many, how fast, by which version, and on what kind of rows.",
    [
        Section(
            "",
            [Line(4, [(UPS, 6), (REGISTRY, 5), (VERSION, 4), (RATE, 3), (SLOWEST, 3), (FAILED, 3)])],
        ),
        Section("Requests", [Line(8, [(REQUESTS, 8), (LATENCY, 8), (ERRORS, 8)])]),
        Section("Scores", [Line(8, [(DISTRIBUTION, 8), (GIVEN, 8), (DRIFT, 8)])]),
        Section("Champions", [Line(7, [(VERSIONS, 8), (REGISTRY_OVER_TIME, 8), (DRIFT_OVER_TIME, 8)])]),
    ],
    [variable("project", "Project", "label_values(inference_registry_up, project)")],
)
