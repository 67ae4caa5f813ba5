-- Purchases since the first event, exact to the cent: an all-time view.
CREATE MATERIALIZED VIEW sales AS
SELECT site,
       count(*)                                           AS purchases,
       sum(amount)                                        AS revenue,
       avg(amount)                                        AS average_amount,
       sum(items)                                         AS items,
       max(amount)                                        AS largest_amount,
       max_by(page, amount)                               AS page_of_largest,
       min(event_time)                                    AS first_purchase,
       max(event_time)                                    AS last_purchase
FROM events
WHERE type = 'purchase'
GROUP BY site;
