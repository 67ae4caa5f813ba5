-- Which events of a request are there: one that is missing, or there twice, shows in the sums.
CREATE MATERIALIZED VIEW requests AS
SELECT request,
       count(*)              AS events,
       sum(number)           AS numbers,
       sum(number * number)  AS squares
FROM events
GROUP BY 1;
