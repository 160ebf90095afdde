{%- set project = project_of_run(params, triggering_asset_events) -%}
{%- set bucket = var.value.get('s3_ml_artifacts_bucket', '') or var.value.data_lab_bucket -%}
{#- As the ML team's batch inference writes them: one file, replaced as a whole. -#}
CREATE EXTERNAL TABLE IF NOT EXISTS {{ database }}.{{ project }}_scores (
    id string,
    `group` string,
    score double,
    decision boolean,
    model_version int,
    run_id string
)
STORED AS PARQUET
LOCATION 's3://{{ bucket }}/ml-artifacts/scores/{{ project }}/'
