{#- Common table expressions up to accepted_orders: the rows of raw_orders that count, each once. 5 BRL are 1 USD. -#}
{% include 'sql/orders_pipeline/judged_orders.sql' %},
accepted_orders AS (
    SELECT
        order_id,
        customer_id,
        ordered_at,
        status,
        currency,
        CAST(amount AS decimal(18, 2)) * IF(currency = 'BRL', DECIMAL '0.2', DECIMAL '1.0') AS amount_usd
    FROM judged_orders
    WHERE rejection IS NULL
)
