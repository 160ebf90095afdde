"""A recorder of AWS calls. Python imports this module by itself, at its start, where it is on the path.

Each call of each botocore session becomes one line of JSON in the file that AWS_CALLS names: its service, its
operation and its parameters, without the bytes of a body.
"""

import json
import os
from typing import Any

import botocore

CALLS = os.environ["AWS_CALLS"]


def _record(params: dict[str, Any], model: Any, **_: Any) -> None:
    told = {name: value for name, value in params.items() if name != "Body"}
    line = json.dumps({"service": model.service_model.service_name, "operation": model.name, "params": told})
    with open(CALLS, "a", encoding="utf-8") as file:  # noqa: PTH123 - as little as possible is imported in every process
        file.write(f"{line}\n")


def _listen(session: Any) -> None:
    session.register("before-parameter-build.*.*", _record)


botocore.register_initializer(_listen)
