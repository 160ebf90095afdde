"""What survives a restart: with LOCALSTACK_ATHENA_STATE_DIR set, S3, the Glue catalog and Athena's own state do.

Every request that was answered is there after a restart, also after SIGKILL; unset, LocalStack is ephemeral as ever.

For providers:

    executions = mapping("athena.executions")   # MutableMapping[str, V], a dict that survives
    executions[id] = execution                  # saved when the assignment returns; after a change assign it again
    del executions[id]

    call_moto(context)                          # instead of LocalStack's: saved when it returns

Values are pickled, so their classes live in importable modules and hold no locks, threads or connections. A mapping is
named once, is loaded before the first request, keeps its order, and may be iterated while others write. Without a state
directory `mapping` returns a plain dict. A process that was killed left its executions as they were last assigned: the
provider looks through them when it starts.

For LocalStack, as entry points:

    localstack.hooks.on_infra_start     restore_state = localstack_athena.persistence:restore_state
    localstack.aws.provider             s3:persistent = localstack_athena.persistence:s3
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, MutableMapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from localstack import config
from localstack.runtime import hooks
from localstack.runtime.exceptions import LocalstackExit
from localstack.services import moto as localstack_moto
from localstack.services.plugins import Service, aws_provider

from localstack_athena.moto_persistence import PersistentMoto
from localstack_athena.state_directory import StateDirectory, StateDirectoryError

if TYPE_CHECKING:
    from localstack.aws.api import RequestContext, ServiceResponse

    from localstack_athena.s3_persistence import PersistentS3

STATE_DIR = "LOCALSTACK_ATHENA_STATE_DIR"
EXIT_CODE = 1
AFTER_MOTO_IS_PATCHED = 50
"""LocalStack patches moto's models at priority 100: nothing may import them earlier. Services load at 0."""

V = TypeVar("V")


def mapping(kind: str) -> MutableMapping[str, Any]:
    """Values by id that survive a restart; `kind` names them in the state directory, e.g. "athena.executions"."""
    state = _state()
    return PersistentMapping(state, kind) if state else {}


def call_moto(context: RequestContext) -> ServiceResponse:
    """LocalStack's call_moto; what a request changed is saved when it returns or raises."""
    return _persistent_moto().call(context) if _state() else localstack_moto.call_moto(context)


@hooks.on_infra_start(priority=AFTER_MOTO_IS_PATCHED, should_load=lambda: bool(os.environ.get(STATE_DIR)))
def restore_state() -> None:
    """Open the state directory before anything is served; what is wrong with it ends LocalStack with one message."""
    try:
        _persistent_moto()
        _persistent_s3()
    except StateDirectoryError as error:
        raise LocalstackExit(str(error), EXIT_CODE) from error
    config.SERVICE_PROVIDER_CONFIG.set_provider("s3", "persistent")


@aws_provider(name="persistent")
def s3() -> Service:
    """S3 with persistence; `restore_state` chooses it."""
    return _persistent_s3().service()


class PersistentMapping(MutableMapping[str, V]):
    """A dict whose assignments and deletions are committed to a state directory."""

    def __init__(self, state: StateDirectory, kind: str) -> None:
        self._state = state
        self._kind = kind
        self._guard = threading.Lock()
        self._values: dict[str, V] = state.take(kind)

    def __getitem__(self, id_: str) -> V:
        return self._values[id_]

    def __setitem__(self, id_: str, value: V) -> None:
        with self._guard:
            self._state.commit({(self._kind, id_): value})
            self._values[id_] = value

    def __delitem__(self, id_: str) -> None:
        with self._guard:
            del self._values[id_]
            self._state.commit({(self._kind, id_): None})

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._values))

    def __len__(self) -> int:
        return len(self._values)


@cache
def _state() -> StateDirectory | None:
    path = os.environ.get(STATE_DIR)
    return StateDirectory(Path(path)) if path else None


@cache
def _persistent_moto() -> PersistentMoto:
    return PersistentMoto(_require_state())


@cache
def _persistent_s3() -> PersistentS3:
    from localstack_athena.s3_persistence import PersistentS3  # noqa: PLC0415 - imports all of S3, useless if ephemeral

    return PersistentS3(_require_state())


def _require_state() -> StateDirectory:
    if (state := _state()) is None:
        raise RuntimeError(f"{STATE_DIR} is not set: there is no state to restore")
    return state
