{#- 5 BRL are 1 USD. Athena wants the partition column last. -#}
CREATE TABLE {{ database }}.orders_summary
WITH (
    format = 'PARQUET',
    write_compression = 'SNAPPY',
    external_location = 's3://{{ var.value.data_lab_bucket }}/{{ summary_prefix }}',
    partitioned_by = ARRAY['order_month']
) AS
WITH {% include 'sql/orders_pipeline/judged_orders.sql' %},
accepted_orders AS (
    SELECT
        status,
        CAST(amount AS decimal(18, 2)) * IF(currency = 'BRL', DECIMAL '0.2', DECIMAL '1.0') AS amount_usd,
        date_format(ordered_at, '%Y-%m') AS order_month
    FROM judged_orders
    WHERE rejection IS NULL
)
SELECT
    status,
    count(*) AS total_orders,
    CAST(round(sum(amount_usd), 2) AS decimal(18, 2)) AS revenue_usd,
    avg(CAST(amount_usd AS double)) AS avg_order_value,
    CAST(round(max(amount_usd), 2) AS decimal(18, 2)) AS max_order_value,
    order_month
FROM accepted_orders
GROUP BY status, order_month
