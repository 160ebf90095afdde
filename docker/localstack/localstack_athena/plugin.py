"""The entry points by which LocalStack finds Athena and Glue."""

from localstack import config
from localstack.aws.api import RequestContext, ServiceRequest, ServiceResponse
from localstack.aws.client import botocore_in_memory_endpoint_patch
from localstack.aws.skeleton import DispatchTable, create_dispatch_table
from localstack.aws.spec import load_service
from localstack.runtime import hooks
from localstack.services.plugins import Service, ServiceProvider, aws_provider

from localstack_athena import persistence
from localstack_athena.provider import AthenaProvider


class GlueProvider:
    """Glue as moto has it, kept across restarts."""

    service = "glue"
    version = "2017-03-31"


def _own_then_moto(provider: ServiceProvider) -> DispatchTable:
    """Every operation of the service: the provider's own, and moto's for those that it does not define."""

    def forward(context: RequestContext, request: ServiceRequest) -> ServiceResponse | None:
        del request  # moto reads the request from the context
        return persistence.call_moto(context)

    own = create_dispatch_table(provider)
    return {operation: own.get(operation, forward) for operation in load_service(provider.service).operation_names}


@aws_provider()
def athena() -> Service:
    """Athena on DuckDB."""
    return Service.for_provider(AthenaProvider(), dispatch_table_factory=_own_then_moto)


@aws_provider()
def glue() -> Service:
    """The Glue catalog."""
    return Service.for_provider(GlueProvider(), dispatch_table_factory=_own_then_moto)


@hooks.on_infra_start(should_load=not config.IN_MEMORY_CLIENT)
def call_other_services_in_memory() -> None:
    """Have the provider's own calls to S3 and Glue skip HTTP, as IN_MEMORY_CLIENT=1 does: twice as fast."""
    config.IN_MEMORY_CLIENT = True
    botocore_in_memory_endpoint_patch.apply()
