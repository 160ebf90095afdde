"""What a task does that is stopped while its query runs: a program, for a process that records its calls."""

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import Variable
from orders_pipeline import dag

operator = dag.get_task("ensure_glue_db")
assert isinstance(operator, AthenaOperator)
results = f"s3://{Variable.get('data_lab_bucket')}/athena-staging/"
operator.query_execution_id = operator.hook.run_query("SELECT 1", {}, {"OutputLocation": results})
operator.on_kill()
