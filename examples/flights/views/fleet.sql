-- How much each carrier flies: aircraft seen, miles, hours in the air, and speed.
CREATE MATERIALIZED VIEW fleet AS
SELECT carrier,
       date_trunc('day', scheduled_departure)      AS day,
       approx_distinct(tail_number)                AS aircraft,
       sum(route.distance_miles)                   AS miles,
       sum(air_time_min) / 60e0                    AS air_hours,
       sum(route.distance_miles) / (sum(air_time_min) / 60e0) AS miles_per_hour
FROM reports
WHERE air_time_min IS NOT NULL
GROUP BY carrier, 2;
