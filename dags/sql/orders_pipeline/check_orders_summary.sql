SELECT
    count(*) AS summary_rows,
    count(DISTINCT order_month) AS partitions,
    coalesce(sum(total_orders), 0) AS orders,
    count(*) - (
        SELECT count(*) FROM (SELECT DISTINCT order_month, status FROM {{ database }}.orders_summary)
    ) AS rows_repeated,
    count_if(
        status IS NULL
        OR total_orders IS NULL
        OR revenue_usd IS NULL
        OR avg_order_value IS NULL
        OR max_order_value IS NULL
        OR order_month IS NULL
    ) AS rows_with_null,
    count_if(status NOT IN ('pending', 'completed', 'failed', 'shipped')) AS rows_with_unknown_status,
    count_if(total_orders < 1 OR max_order_value > revenue_usd) AS rows_with_impossible_figures
FROM {{ database }}.orders_summary
