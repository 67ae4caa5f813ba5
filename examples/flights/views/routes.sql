-- Every route since the first report: no time bucket, so this is an all-time view.
CREATE MATERIALIZED VIEW routes AS
SELECT route.origin                                AS origin,
       route.destination                           AS destination,
       count(*)                                    AS flights,
       approx_most_frequent(3, carrier, 16)        AS carriers,
       min(air_time_min)                           AS fastest_min,
       min_by(carrier, air_time_min)               AS fastest_carrier,
       approx_percentile(air_time_min, 0.5)        AS typical_min,
       bool_or(status = 'diverted')                AS ever_diverted,
       max(landed)                                 AS last_landing
FROM reports
GROUP BY 1, 2;
