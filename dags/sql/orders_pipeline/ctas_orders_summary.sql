{#- Athena wants the partition column last. -#}
CREATE TABLE {{ database }}.orders_summary
WITH (
    format = 'PARQUET',
    write_compression = 'SNAPPY',
    external_location = 's3://{{ var.value.data_lab_bucket }}/{{ summary_prefix }}',
    partitioned_by = ARRAY['order_month']
) AS
WITH {% include 'sql/orders_pipeline/accepted_orders.sql' %}
SELECT
    status,
    count(*) AS total_orders,
    CAST(round(sum(amount_usd), 2) AS decimal(18, 2)) AS revenue_usd,
    avg(CAST(amount_usd AS double)) AS avg_order_value,
    CAST(round(max(amount_usd), 2) AS decimal(18, 2)) AS max_order_value,
    date_format(ordered_at, '%Y-%m') AS order_month
FROM accepted_orders
GROUP BY status, date_format(ordered_at, '%Y-%m')
