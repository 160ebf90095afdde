WITH {% include 'sql/orders_pipeline/judged_orders.sql' %}
SELECT
    coalesce(rejection, 'accepted') AS outcome,
    count(*) AS orders
FROM judged_orders
GROUP BY 1
