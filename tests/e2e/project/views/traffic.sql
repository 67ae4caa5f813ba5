CREATE MATERIALIZED VIEW traffic AS
SELECT site, date_trunc('hour', event_time) AS hour,
       count(*)                             AS events,
       sum(amount)                          AS revenue,
       sum(latency_ms)                      AS latency_sum,
       max(latency_ms)                      AS latency_max,
       approx_distinct(visitor_id)          AS visitors,
       approx_percentile(latency_ms, 0.95)  AS latency_p95
FROM events
GROUP BY 1, 2;
