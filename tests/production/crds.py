"""The Prometheus Operator's definitions of its objects (CRDs), out of its Go module, as a validator takes them."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from lab.settings import REPOSITORY

MODULE = "github.com/prometheus-operator/prometheus-operator"
VERSION = "v0.85.0"
# Of the module's files: whatever serves them, they are these.
SUM = "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="


def validator(kind: str) -> Draft202012Validator:
    """Return the validator of a kind of objects. Like `kubectl apply`, it refuses fields that the kind has not."""
    path = _module() / "example" / "prometheus-operator-crd" / f"monitoring.coreos.com_{kind.lower()}s.yaml"
    definition = yaml.safe_load(path.read_text(encoding="utf-8"))
    version = next(version for version in definition["spec"]["versions"] if version["storage"])
    schema = _strict(version["schema"]["openAPIV3Schema"])
    # Kubernetes' own, of which a definition says no more than that there is one.
    schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _module() -> Path:
    """Return the folder of the module in Go's cache, downloaded the first time."""
    done = subprocess.run(
        [REPOSITORY / ".venv" / "bin" / "go", "mod", "download", "-json", f"{MODULE}@{VERSION}"],
        cwd="/",
        env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"Go could not download {MODULE}: {done.stdout}{done.stderr}"
    found = json.loads(done.stdout)
    assert found["Sum"] == SUM
    return Path(found["Dir"])


def _strict(schema: Any) -> Any:
    """Turn a structural schema of OpenAPI 3.0, in the words of Kubernetes, into one of JSON Schema."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _strict(value) for name, value in schema.items()}
    # A property may itself have the name of a keyword, in which case it is no text but a schema.
    if made.pop("x-kubernetes-int-or-string", False):
        made["type"] = ["integer", "string"]
    if made.get("nullable") is True:
        made["type"] = [made.pop("type"), "null"]
    if isinstance(made.get("pattern"), str):
        made["pattern"] = made["pattern"].replace("^(?i)", "(?i)^")  # Go takes flags anywhere, Python in front
    if isinstance(made.get("properties"), dict) and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made
