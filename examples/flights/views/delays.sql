-- How late each carrier's flights reach their destinations. Percentiles merge: the p95 of a day is
-- computed from the states of its hours, not from their percentiles.
CREATE MATERIALIZED VIEW delays AS
SELECT carrier,
       date_trunc('hour', scheduled_departure)     AS hour,
       count(arrival_delay_min)                    AS arrivals,
       approx_percentile(arrival_delay_min, 0.5)   AS p50_delay_min,
       approx_percentile(arrival_delay_min, 0.95)  AS p95_delay_min,
       avg(arrival_delay_min)                      AS average_delay_min,
       stddev(arrival_delay_min)                   AS stddev_delay_min
FROM reports
WHERE status = 'landed'
GROUP BY 1, 2;
