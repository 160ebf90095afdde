"""SQL reaches nothing but the S3 objects of the tables it names."""

from pathlib import Path

import duckdb
import pytest
from athena_client import Athena
from localstack_athena import parser
from localstack_athena.engine import BoundQuery, Cancellation, Engine, Session, Use
from localstack_athena.statements import Select

SECRET = "a-secret-on-disk"

# {file} is a CSV file on disk that LocalStack's process may read; none of these may show its content.
FORBIDDEN = {
    "SELECT * FROM read_csv('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM TABLE(read_csv('{file}'))": ("FUNCTION_NOT_FOUND", "SYNTAX_ERROR"),
    "SELECT * FROM read_text('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM read_blob('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM read_parquet('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM parquet_metadata('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM glob('{folder}/*')": "SYNTAX_ERROR",  # an operator's name to sqlglot
    "SELECT read_text('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT (SELECT content FROM read_text('{file}'))": "FUNCTION_NOT_FOUND",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM read_text('{file}'))": "FUNCTION_NOT_FOUND",
    "SELECT transform(ARRAY[1], x -> getenv('HOME'))": "FUNCTION_NOT_FOUND",
    "WITH a AS (SELECT * FROM read_csv_auto('{file}')) SELECT * FROM a": "FUNCTION_NOT_FOUND",
    "SELECT 1 UNION ALL SELECT length(content) FROM read_text('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT /* harmless */ * FROM/**/read_text/**/('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM \"read_text\"('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM main.read_text('{file}')": ("FUNCTION_NOT_FOUND", "SYNTAX_ERROR"),
    "CREATE TABLE stolen AS SELECT * FROM read_text('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM '{file}'": ("SYNTAX_ERROR", "TABLE_NOT_FOUND"),
    'SELECT * FROM "{file}"': "TABLE_NOT_FOUND",
    'SELECT * FROM "file://{file}"': "TABLE_NOT_FOUND",
    'SELECT a.* FROM (VALUES 1) AS t(x) CROSS JOIN "{file}" AS a': "TABLE_NOT_FOUND",
    'SELECT * FROM "{folder}"."secret.csv"': "SCHEMA_NOT_FOUND",
    'WITH "{file}" AS (SELECT 1 AS x) SELECT * FROM "{file}" CROSS JOIN "{folder}/other.csv"': "TABLE_NOT_FOUND",
    "SELECT getenv('HOME')": "FUNCTION_NOT_FOUND",
    "SELECT current_setting('allowed_directories')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM duckdb_settings()": "FUNCTION_NOT_FOUND",
    "SELECT * FROM duckdb_tables": "TABLE_NOT_FOUND",
    "SELECT * FROM duckdb_secrets()": "FUNCTION_NOT_FOUND",
    "SELECT * FROM pragma_version()": "FUNCTION_NOT_FOUND",
    "SELECT * FROM sqlite_master": "TABLE_NOT_FOUND",
    "SELECT * FROM main.sqlite_master": "SCHEMA_NOT_FOUND",
    "SELECT * FROM information_schema.tables": "SCHEMA_NOT_FOUND",
    "SELECT * FROM pg_catalog.pg_settings": "SCHEMA_NOT_FOUND",
    "SELECT * FROM system.information_schema.tables": "CATALOG_NOT_FOUND",
    "SELECT query('SELECT 1')": "FUNCTION_NOT_FOUND",
    "SELECT * FROM query_table('{file}')": "FUNCTION_NOT_FOUND",
    "SELECT athena_nonzero(1)": "FUNCTION_NOT_FOUND",
    "SELECT error('x')": "FUNCTION_NOT_FOUND",
    "COPY (SELECT 1) TO '{folder}/out.csv'": "SYNTAX_ERROR",
    "COPY t FROM '{file}'": "SYNTAX_ERROR",
    "EXPORT DATABASE '{folder}/out'": "SYNTAX_ERROR",
    "IMPORT DATABASE '{folder}'": "SYNTAX_ERROR",
    "ATTACH '{folder}/a.db' AS a": "SYNTAX_ERROR",
    "DETACH a": "SYNTAX_ERROR",
    "USE a": "SYNTAX_ERROR",
    "INSTALL httpfs": "SYNTAX_ERROR",
    "LOAD httpfs": "SYNTAX_ERROR",
    "SET enable_external_access = true": "SYNTAX_ERROR",
    "RESET enable_external_access": "SYNTAX_ERROR",
    "PRAGMA database_list": "SYNTAX_ERROR",
    "CALL pragma_version()": "SYNTAX_ERROR",
    "CHECKPOINT": "SYNTAX_ERROR",
    "SUMMARIZE '{file}'": "SYNTAX_ERROR",
    "FROM '{file}'": "SYNTAX_ERROR",
    "PIVOT '{file}' ON a": "SYNTAX_ERROR",
    "DESCRIBE '{file}'": "SYNTAX_ERROR",
    "CREATE MACRO f() AS 1": "SYNTAX_ERROR",
    "CREATE FUNCTION f() AS 1": "SYNTAX_ERROR",
    "CREATE SECRET s (TYPE s3)": "SYNTAX_ERROR",
    "CREATE TEMP TABLE t AS SELECT 1 AS a": "SYNTAX_ERROR",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/out.csv'": "SYNTAX_ERROR",
    "SELECT 1;; SELECT 2": "SYNTAX_ERROR",
    "SELECT 1 -- \n; ATTACH '{folder}/a.db'": "SYNTAX_ERROR",
    "SELECT 1 /* ; */; LOAD httpfs": "SYNTAX_ERROR",
    "CREATE EXTERNAL TABLE t (a string) LOCATION '{folder}/'": "INVALID_TABLE_PROPERTY",
    "CREATE EXTERNAL TABLE t (a string) LOCATION 'file://{folder}/'": "INVALID_TABLE_PROPERTY",
    "CREATE TABLE t WITH (external_location = '{folder}/') AS SELECT 1 AS a": "INVALID_TABLE_PROPERTY",
    # Names of this process: a variable of the engine's, and of Python's.
    "SELECT * FROM connection": "TABLE_NOT_FOUND",
    "SELECT * FROM tables": "TABLE_NOT_FOUND",
    "SELECT * FROM session": "TABLE_NOT_FOUND",
}


@pytest.mark.parametrize(("template", "names"), FORBIDDEN.items(), ids=FORBIDDEN)
def test_fails_as_the_users_error(template: str, names: str | tuple[str, ...], athena: Athena) -> None:
    file = athena.folder / "secret.csv"
    file.write_text(f"a,b\n{SECRET},1\n", encoding="utf-8")
    sql = template.replace("{file}", str(file)).replace("{folder}", str(athena.folder))
    outcome = athena.assert_fails(sql, "")
    assert outcome.reason.startswith(tuple(f"{name}: " for name in ([names] if isinstance(names, str) else names)))
    assert SECRET not in outcome.reason
    assert [path.name for path in athena.folder.iterdir()] == ["secret.csv"]
    assert athena.tables() == []
    assert athena.keys() == []


def test_a_table_of_anothers_objects_does_not_open_the_files_beside_them(athena: Athena) -> None:
    """While one query's files lie on disk, another can name them and does not see them."""
    athena.put("mine/a.txt", f"{SECRET}\n")
    athena.run("CREATE EXTERNAL TABLE mine (a string) LOCATION 's3://{bucket}/mine/'")
    assert athena.rows("SELECT a FROM mine") == [[SECRET]]
    athena.assert_fails('SELECT * FROM "s3://{bucket}/mine/a.txt"', "TABLE_NOT_FOUND: ")
    athena.assert_fails("SELECT * FROM other.{db}.mine", "CATALOG_NOT_FOUND: ")


DUCKDB_SQL = [
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM '{file}'",
    "SELECT * FROM glob('{file}')",
    "SELECT * FROM read_text('http://127.0.0.1:1/')",
    "SELECT * FROM inside CROSS JOIN read_text('{folder}/../secret.csv')",
    "SELECT * FROM inside",
    "SELECT * FROM file",
]


@pytest.mark.parametrize("template", DUCKDB_SQL)
def test_a_locked_session_opens_no_file_outside_its_folder(template: str, tmp_path: Path) -> None:
    """Even DuckDB's own SQL, which no statement can reach."""
    file = tmp_path / "secret.csv"
    file.write_text(f"a,b\n{SECRET},1\n", encoding="utf-8")
    folder = tmp_path / "query"
    folder.mkdir()
    inside = [SECRET]  # a variable that a table's name must not mean
    sql = template.replace("{file}", str(file)).replace("{folder}", str(folder))

    def use(session: Session, _query: BoundQuery) -> None:
        with pytest.raises(duckdb.Error) as failure:
            session.bind(sql).relation.fetchall()
        assert inside[0] not in str(failure.value)

    _run_in_session(use, folder)


@pytest.mark.parametrize(
    "statement",
    [
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_directories = ['/']",
        "RESET allowed_directories",
        "LOAD httpfs",
        "INSTALL httpfs",
        "ATTACH '{folder}/../a.db' AS a",
        "EXPORT DATABASE '{folder}/../out'",
        "COPY (SELECT 1) TO '{folder}/../out.csv'",
    ],
)
def test_a_locked_session_cannot_be_unlocked(statement: str, tmp_path: Path) -> None:
    folder = tmp_path / "query"
    folder.mkdir()

    def use(session: Session, query: BoundQuery) -> None:
        connection = session._connection  # noqa: SLF001 - what no statement can reach
        with pytest.raises(duckdb.Error):
            connection.execute(statement.replace("{folder}", str(folder)))
        assert query.relation.fetchall() == [(1,)]

    _run_in_session(use, folder)
    assert list(tmp_path.iterdir()) == [folder]


def _run_in_session(use: Use, folder: Path) -> None:
    statement = parser.parse("SELECT 1", "default", [])
    assert isinstance(statement, Select)
    Engine().run(statement.query, "default", {}, folder, Cancellation(), use)
