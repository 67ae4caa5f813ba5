-- Many small groups: every event, into some 409,000 rows.
CREATE MATERIALIZED VIEW page AS
SELECT page, date_trunc('hour', event_time) AS hour,
       count(*)                             AS events,
       approx_distinct(visitor_id)          AS visitors
FROM events
GROUP BY 1, 2;
