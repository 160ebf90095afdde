"""Moto's backends in the state directory: a record moto.<service>, <account>/<region> holds a backend's attributes.

Catalogs are small: a backend with a hundred tables is pickled in a millisecond, so it is saved as a whole.
"""

from __future__ import annotations

import copyreg
import threading
from typing import TYPE_CHECKING, Any, cast

import moto.backends
from localstack.services.moto import call_moto

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from localstack.aws.api import RequestContext, ServiceResponse
    from moto.core.base_backend import BaseBackend

    from localstack_athena.state_directory import StateDirectory

SERVICES = ("athena", "glue")
READS = ("BatchGet", "Check", "Get", "List", "Query", "Search")
"""How the names of these services' operations begin that change nothing."""


class PersistentMoto:
    """Moto's backends of the services, restored from a state directory and kept in step with it."""

    def __init__(self, state: StateDirectory) -> None:
        self._state = state
        self._guard = threading.RLock()
        for service in SERVICES:
            for id_, attributes in state.take(f"moto.{service}").items():
                vars(_backend(service, *id_.split("/"))).update(attributes)

    def call(self, context: RequestContext) -> ServiceResponse:
        """Forward a parsed request to moto; if it can change something, alone, and saved when it returns or raises."""
        operation = cast("OperationModel", context.operation)
        if operation.name.startswith(READS):
            return call_moto(context)
        with self._guard:
            try:
                return call_moto(context)
            finally:
                self._save(operation.service_model.service_name, context.account_id, context.region)

    def _save(self, service: str, account_id: str, region: str) -> None:
        backend = _backend(service, account_id, region)
        # Moto's models refer to their backend: pickle its name instead of a copy of it.
        copyreg.pickle(type(backend), lambda backend: (_backend, (service, backend.account_id, backend.region_name)))
        self._state.commit({(f"moto.{service}", f"{account_id}/{region}"): vars(backend)})


def _backend(service: str, account_id: str, region: str) -> BaseBackend:
    backends: Any = moto.backends.get_backend(service)  # type: ignore[call-overload]  # wants a literal
    backend: BaseBackend = backends[account_id][region]
    return backend
