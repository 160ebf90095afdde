SELECT
    count(*) AS scores,
    count(*) - count(DISTINCT id) AS rows_repeated,
    count_if(score IS NULL OR NOT score BETWEEN 0 AND 1) AS rows_without_probability,
    count_if(run_id <> '{{ run_id }}') AS rows_of_another_run
FROM {{ database }}.{{ project_of_run(params, triggering_asset_events) }}_scores
