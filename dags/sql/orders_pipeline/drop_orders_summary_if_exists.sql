DROP TABLE IF EXISTS {{ database }}.orders_summary
