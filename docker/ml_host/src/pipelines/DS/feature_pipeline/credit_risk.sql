-- One row an application: what was known when it was made, and, where the loan has ended, whether it was repaid.
SELECT
    application_id AS id,
    country AS "group",
    CAST(age AS DOUBLE) AS age,
    CAST(months_employed AS DOUBLE) AS months_employed,
    CAST(income_usd AS DOUBLE) AS income_usd,
    CAST(requested_usd AS DOUBLE) / greatest(CAST(income_usd AS DOUBLE), 1) AS requested_to_income,
    CAST(debt_usd AS DOUBLE) / greatest(CAST(income_usd AS DOUBLE), 1) AS debt_to_income,
    CAST(late_payments AS DOUBLE) AS late_payments,
    CAST(defaulted AS BOOLEAN) AS label
FROM source
ORDER BY application_id
