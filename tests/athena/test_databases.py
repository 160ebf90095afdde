"""Databases: made, shown and dropped by SQL, as Glue and as Athena's metadata operations see them."""

import pytest
from athena_client import Athena
from botocore.exceptions import ClientError


def test_database_lives_from_create_to_drop(athena: Athena) -> None:
    name = f"{athena.database}_more"
    athena.run(
        f"CREATE DATABASE {name} COMMENT 'for tests' LOCATION 's3://{{bucket}}/db/' WITH DBPROPERTIES ('owner'='me')"
    )
    glue = athena.glue.get_database(Name=name)["Database"]
    assert {key: glue[key] for key in ("Description", "LocationUri", "Parameters")} == {
        "Description": "for tests",
        "LocationUri": athena.location("db/"),
        "Parameters": {"owner": "me"},
    }
    athena.assert_fails(f"CREATE SCHEMA {name}", f"SCHEMA_ALREADY_EXISTS: Schema '{name}' already exists")
    athena.run(f"CREATE DATABASE IF NOT EXISTS {name}")

    athena.run(f"CREATE EXTERNAL TABLE {name}.t (a int) LOCATION 's3://{{bucket}}/t/'")
    athena.assert_fails(f"DROP DATABASE {name}", f"SCHEMA_NOT_EMPTY: Schema '{name}'")
    athena.run(f"DROP DATABASE {name} CASCADE")
    athena.assert_fails(f"DROP DATABASE {name}", f"SCHEMA_NOT_FOUND: Schema '{name}' does not exist")
    athena.run(f"DROP DATABASE IF EXISTS {name}")


def test_show_databases(athena: Athena) -> None:
    shown = athena.run("SHOW DATABASES")
    assert shown.columns == [("database_name", "string")]
    assert athena.database in shown.text
    assert shown.text == sorted(map(str, shown.text))
    assert athena.run("SHOW SCHEMAS LIKE '{db}'").text == [athena.database]
    assert athena.run("SHOW DATABASES 'nosuch*|{db}'").text == [athena.database]
    assert athena.run("SHOW DATABASES 'nosuch'").text == []


def test_metadata_operations(athena: Athena) -> None:
    athena.run(
        "CREATE EXTERNAL TABLE t (a int COMMENT 'one', b string) PARTITIONED BY (p string)"
        " STORED AS PARQUET LOCATION 's3://{bucket}/t/'"
    )
    athena.run("CREATE EXTERNAL TABLE u (a int) LOCATION 's3://{bucket}/u/'")
    catalog = {"CatalogName": "AwsDataCatalog"}
    here = {**catalog, "DatabaseName": athena.database}

    databases = athena.client.list_databases(**catalog)["DatabaseList"]
    assert athena.database in [database["Name"] for database in databases]
    assert athena.client.get_database(**here)["Database"]["Name"] == athena.database

    table = athena.client.get_table_metadata(**here, TableName="t")["TableMetadata"]
    assert table["Columns"] == [{"Name": "a", "Type": "int", "Comment": "one"}, {"Name": "b", "Type": "string"}]
    assert table["PartitionKeys"] == [{"Name": "p", "Type": "string"}]
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["Parameters"]["location"] == athena.location("t/")
    assert table["Parameters"]["serde.serialization.lib"].endswith("ParquetHiveSerDe")

    listed = athena.client.list_table_metadata(**here)["TableMetadataList"]
    assert [one["Name"] for one in listed] == ["t", "u"]
    listed = athena.client.list_table_metadata(**here, Expression="^u$")["TableMetadataList"]
    assert [one["Name"] for one in listed] == ["u"]


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("get_database", {"DatabaseName": "nosuch"}),
        ("get_table_metadata", {"DatabaseName": "nosuch", "TableName": "t"}),
        ("list_table_metadata", {"DatabaseName": "nosuch"}),
    ],
)
def test_metadata_of_what_does_not_exist(operation: str, request_: dict[str, str], athena: Athena) -> None:
    with pytest.raises(ClientError) as failure:
        getattr(athena.client, operation)(CatalogName="AwsDataCatalog", **request_)
    assert failure.value.response["Error"]["Code"] == "MetadataException"
