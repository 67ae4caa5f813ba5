-- Each page by the hour.
CREATE MATERIALIZED VIEW pages AS
SELECT page, date_trunc('hour', event_time)               AS hour,
       count(*)                                           AS events,
       approx_distinct(visitor_id)                        AS visitors
FROM events
GROUP BY 1, 2;
