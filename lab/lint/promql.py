"""PromQL: the metrics that an expression reads."""

import re

import promql_parser

# Grafana's words for a duration: any will do where only the metrics matter.
DURATION = re.compile(r"\$(?:__interval|__rate_interval|__range)\b|\$\{__(?:interval|rate_interval|range)\}")


def metrics_of(expression: str) -> set[str]:
    """Return the names of the metrics that an expression reads, Grafana's variables in it or not.

    A pattern of names counts as a name: what it stands for is not known here.

    Raises:
        ValueError: it is no PromQL.

    """
    names = set()

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            named = [one.value for one in node.matchers.matchers if one.name == "__name__"]
            names.update([node.name] if node.name else named)

    promql_parser.walk(promql_parser.parse(DURATION.sub("5m", expression)), visit)
    return names
