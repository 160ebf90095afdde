{#- Every column is text: what cannot be converted has to arrive in the table to be counted. -#}
CREATE EXTERNAL TABLE IF NOT EXISTS {{ database }}.raw_orders (
    order_id string,
    customer_id string,
    order_timestamp string,
    status string,
    amount string,
    currency string
)
ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
WITH SERDEPROPERTIES ('separatorChar' = ',', 'quoteChar' = '"', 'escapeChar' = '\\')
STORED AS TEXTFILE
LOCATION 's3://{{ var.value.data_lab_bucket }}/{{ raw_prefix }}'
TBLPROPERTIES ('skip.header.line.count' = '1')
