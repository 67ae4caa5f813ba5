-- How each service is doing, minute by minute. Answers can ask for any multiple of the bucket
-- (`--every 15m`), any range, some services or all of them together: aggregates merge, so the p95
-- of an hour is computed from the states of its minutes, not from their percentiles.
CREATE MATERIALIZED VIEW service_health AS
SELECT service,
       date_trunc('minute', time)                   AS minute,
       count(*)                                     AS requests,
       count(*) FILTER (WHERE status >= 500)        AS errors,
       approx_percentile(duration_ms, 0.5)          AS p50_ms,
       approx_percentile(duration_ms, 0.95)         AS p95_ms,
       approx_distinct(customer)                    AS customers
FROM requests
GROUP BY 1, 2;
