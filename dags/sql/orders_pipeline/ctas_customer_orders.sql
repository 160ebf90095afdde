CREATE TABLE {{ database }}.customer_orders
WITH (
    format = 'PARQUET',
    write_compression = 'SNAPPY',
    external_location = 's3://{{ var.value.data_lab_bucket }}/{{ customer_orders_prefix }}'
) AS
WITH {% include 'sql/orders_pipeline/accepted_orders.sql' %}
SELECT
    order_id,
    customer_id,
    CAST(ordered_at AS timestamp(3)) AS ordered_at,
    status,
    currency,
    CAST(round(amount_usd, 2) AS decimal(18, 2)) AS amount_usd
FROM accepted_orders
