"""Databases and tables of the Glue catalog in the shapes of Athena's metadata operations."""

from typing import Any

Request = dict[str, Any]
Response = dict[str, Any]


def get_database(glue: Any, request: Request) -> Response:
    """GetDatabase."""
    return {"Database": _database(glue.get_database(Name=request["DatabaseName"])["Database"])}


def list_databases(glue: Any, request: Request) -> Response:
    """ListDatabases."""
    answer = glue.get_databases(**_paging(request))
    return _page("DatabaseList", [_database(one) for one in answer["DatabaseList"]], answer)


def get_table(glue: Any, request: Request) -> Response:
    """GetTableMetadata."""
    found = glue.get_table(DatabaseName=request["DatabaseName"], Name=request["TableName"])
    return {"TableMetadata": _table(found["Table"])}


def list_tables(glue: Any, request: Request) -> Response:
    """ListTableMetadata; Expression is a regular expression over the names."""
    expression = {"Expression": request["Expression"]} if request.get("Expression") else {}
    answer = glue.get_tables(DatabaseName=request["DatabaseName"], **expression, **_paging(request))
    return _page("TableMetadataList", [_table(one) for one in answer["TableList"]], answer)


def _paging(request: Request) -> Request:
    return {name: request[name] for name in ("NextToken", "MaxResults") if request.get(name)}


def _page(name: str, items: list[Response], answer: Response) -> Response:
    return {name: items, **({"NextToken": answer["NextToken"]} if answer.get("NextToken") else {})}


def _database(glue: Response) -> Response:
    given = {"Name": glue["Name"], "Description": glue.get("Description"), "Parameters": glue.get("Parameters")}
    return {name: value for name, value in given.items() if value is not None}


def _table(glue: Response) -> Response:
    storage = glue.get("StorageDescriptor", {})
    serde = storage.get("SerdeInfo", {})
    parameters = {
        **glue.get("Parameters", {}),
        "inputformat": storage.get("InputFormat", ""),
        "location": storage.get("Location", ""),
        "outputformat": storage.get("OutputFormat", ""),
        "serde.serialization.lib": serde.get("SerializationLibrary", ""),
        **{f"serde.param.{name}": value for name, value in serde.get("Parameters", {}).items()},
    }
    metadata = {
        "Name": glue["Name"],
        "CreateTime": glue.get("CreateTime"),
        "TableType": glue.get("TableType"),
        "Columns": storage.get("Columns", []),
        "PartitionKeys": glue.get("PartitionKeys", []),
        "Parameters": parameters,
    }
    return {name: value for name, value in metadata.items() if value is not None}
