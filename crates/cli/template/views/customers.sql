-- What each customer used, since the first event: no time bucket, so this is an all-time view.
CREATE MATERIALIZED VIEW customers AS
SELECT customer,
       client.country                               AS country,
       count(*)                                     AS requests,
       sum(billed)                                  AS billed,
       max_by(route, duration_ms)                   AS slowest_route,
       max(time)                                    AS last_seen
FROM requests
WHERE customer IS NOT NULL
GROUP BY 1, 2;
