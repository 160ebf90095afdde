SELECT
    order_month,
    count(*) AS summary_rows
FROM {{ database }}.orders_summary
GROUP BY order_month
