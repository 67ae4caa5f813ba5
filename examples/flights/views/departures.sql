-- What left, or should have, from each airport in each hour of the timetable.
CREATE MATERIALIZED VIEW departures AS
SELECT route.origin                                AS origin,
       carrier,
       date_trunc('hour', scheduled_departure)     AS hour,
       count(*)                                    AS flights,
       count_if(status = 'cancelled')              AS cancelled,
       count_if(departure_delay_min > 15)          AS late,
       avg(departure_delay_min)                    AS average_delay_min,
       max(departure_delay_min)                    AS longest_delay_min,
       max_by(flight, departure_delay_min)         AS most_delayed_flight
FROM reports
GROUP BY 1, 2, 3;
