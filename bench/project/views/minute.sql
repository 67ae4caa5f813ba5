-- Few columns, many aggregates: 85 % of the events into some 75,000 rows.
CREATE MATERIALIZED VIEW minute AS
SELECT site, date_trunc('minute', event_time) AS minute,
       count(*)                             AS events,
       sum(latency_ms)                      AS latency_sum,
       min(latency_ms)                      AS latency_min,
       max(latency_ms)                      AS latency_max,
       approx_distinct(visitor_id)          AS visitors,
       approx_percentile(latency_ms, 0.95)  AS latency_p95
FROM events
WHERE type IN ('page_view', 'purchase')
GROUP BY 1, 2;
