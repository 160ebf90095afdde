{#- Three common table expressions. The last, judged_orders, has every raw row with the first reason to reject it, NULL
    for a row that counts. date_parse alone would take 2025-1-5 for a date, and an empty field is '' to one of Athena's
    serializers and NULL to another. -#}
tidy_orders AS (
    SELECT
        coalesce(order_id, '') AS order_id,
        coalesce(customer_id, '') AS customer_id,
        CASE
            WHEN regexp_like(order_timestamp, '^[12][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$')
            THEN TRY(date_parse(order_timestamp, '%Y-%m-%d %H:%i:%s'))
        END AS ordered_at,
        lower(coalesce(status, '')) AS status,
        coalesce(amount, '') AS amount,
        upper(coalesce(currency, '')) AS currency
    FROM {{ database }}.raw_orders
),
checked_orders AS (
    SELECT
        *,
        CASE
            WHEN order_id = '' THEN 'missing_order_id'
            WHEN ordered_at IS NULL THEN 'bad_timestamp'
            WHEN NOT regexp_like(amount, '^[0-9]{1,12}([.][0-9]{1,2})?$') THEN 'bad_amount'
            WHEN status NOT IN ('pending', 'completed', 'failed', 'shipped') THEN 'bad_status'
            WHEN currency NOT IN ('USD', 'BRL') THEN 'bad_currency'
        END AS broken_rule
    FROM tidy_orders
),
judged_orders AS (
    SELECT
        *,
        CASE
            WHEN broken_rule IS NOT NULL THEN broken_rule
            WHEN row_number() OVER (
                PARTITION BY order_id, broken_rule
                ORDER BY ordered_at, customer_id, status, amount, currency
            ) > 1 THEN 'duplicate_order_id'
        END AS rejection
    FROM checked_orders
)
