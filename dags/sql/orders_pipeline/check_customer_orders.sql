SELECT
    count(*) AS orders,
    count(*) - count(DISTINCT order_id) AS rows_repeated,
    count_if(
        order_id IS NULL
        OR customer_id IS NULL
        OR ordered_at IS NULL
        OR status IS NULL
        OR currency IS NULL
        OR amount_usd IS NULL
    ) AS rows_with_null
FROM {{ database }}.customer_orders
