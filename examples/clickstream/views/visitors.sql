-- Who comes, from where, and how engaged they are: five-minute buckets by country.
CREATE MATERIALIZED VIEW visitors AS
SELECT geo.country                                        AS country,
       date_bin(INTERVAL '5' MINUTE, event_time)          AS slot,
       approx_distinct(visitor_id)                        AS visitors,
       approx_distinct(session_id)                        AS sessions,
       count(referrer)                                    AS sessions_begun,
       count_if(NOT new_visitor)                          AS events_of_known_visitors,
       approx_most_frequent(5, geo.city, 64)              AS top_cities
FROM events
GROUP BY 1, 2;
