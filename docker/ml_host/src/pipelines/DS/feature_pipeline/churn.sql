-- One row a customer and cut-off: what was known of them at the cut-off, and, where the time after it has passed,
-- whether they stayed away. A feature looks back from the cut-off only, a label forward only.
-- No feature follows from others, as the mean order from spend and orders would: a model of such is thrown by noise.
-- A failed order is no purchase: it neither keeps a customer nor makes one.
WITH days AS (
    SELECT CAST(max(ordered_at) AS DATE) + 1 AS today FROM source
),
cutoffs AS (
    SELECT today - $horizon_days AS cutoff, true AS labelled FROM days
    UNION ALL
    SELECT today, false FROM days
),
past AS (
    SELECT
        cutoff,
        labelled,
        customer_id,
        any_value(currency) AS currency,
        count(*) FILTER (status <> 'failed') AS orders,
        count(*) AS attempts,
        count(*) FILTER (status <> 'failed' AND ordered_at >= cutoff - $recent_days) AS recent_orders,
        min(CAST(ordered_at AS DATE)) FILTER (status <> 'failed') AS first_day,
        max(CAST(ordered_at AS DATE)) FILTER (status <> 'failed') AS last_day,
        coalesce(sum(amount_usd) FILTER (status <> 'failed'), 0) AS spend,
        coalesce(sum(amount_usd) FILTER (status <> 'failed' AND ordered_at >= cutoff - $recent_days), 0) AS recent_spend
    FROM source, cutoffs
    WHERE ordered_at < cutoff AND ordered_at >= cutoff - $lookback_days
    GROUP BY ALL
),
stayed AS (
    SELECT DISTINCT customer_id
    FROM source, cutoffs
    WHERE labelled AND status <> 'failed' AND ordered_at >= cutoff AND ordered_at < cutoff + $horizon_days
)
SELECT
    past.customer_id AS id,
    -- Whom the model must treat alike: the currency tells the country, the US or Brazil.
    past.currency AS "group",
    CAST(past.cutoff - past.last_day AS DOUBLE) AS recency_days,
    CAST(past.cutoff - past.first_day AS DOUBLE) AS tenure_days,
    CAST(past.orders AS DOUBLE) AS orders,
    CAST(past.recent_orders AS DOUBLE) / past.orders AS recent_order_share,
    CAST(past.spend AS DOUBLE) AS spend_usd,
    CAST(past.recent_spend AS DOUBLE) / greatest(past.spend, 0.01) AS recent_spend_share,
    CAST(past.attempts - past.orders AS DOUBLE) / past.attempts AS failed_share,
    -- Against the customer's own rhythm: how many of their usual pauses this one lasts.
    CAST(past.cutoff - past.last_day AS DOUBLE)
        / ((past.last_day - past.first_day + $lookback_days / 4) / past.orders) AS pauses_missed,
    -- No feature in any environment: it is here to show what a model does that can tell the groups apart.
    CAST(past.currency = 'BRL' AS DOUBLE) AS pays_in_brl,
    CASE WHEN past.labelled THEN stayed.customer_id IS NULL END AS label
FROM past
LEFT JOIN stayed USING (customer_id)
WHERE past.orders > 0
ORDER BY past.labelled, past.customer_id
