"""What the lab's programs answer over HTTP, as JSON."""

import json
import urllib.request
from typing import Any
from urllib.parse import urlencode

_SECONDS = 30
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(address: str, **parameters: object) -> Any:
    """Return the JSON that an address answers with."""
    with _NO_PROXY.open(f"{address}?{urlencode(parameters)}", timeout=_SECONDS) as answer:
        return json.load(answer)


def samples(prometheus: str, query: str) -> list[tuple[dict[str, str], float]]:
    """Return labels and value of each sample that Prometheus finds now."""
    found = ask(f"{prometheus}/api/v1/query", query=query)["data"]["result"]
    return [(one["metric"], float(one["value"][1])) for one in found]
