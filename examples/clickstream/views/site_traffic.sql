-- Each shop, minute by minute.
CREATE MATERIALIZED VIEW site_traffic AS
SELECT site, device.os AS os, date_trunc('minute', event_time) AS minute,
       count(*)                                           AS page_views,
       approx_distinct(visitor_id)                        AS visitors,
       sum(amount) FILTER (WHERE type = 'purchase')       AS revenue,
       approx_percentile(latency_ms, 0.95)                AS p95_latency_ms
FROM events
WHERE type IN ('page_view', 'purchase')
GROUP BY 1, 2, 3;
