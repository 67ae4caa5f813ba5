-- Which events are there, and how often: more than once is never right.
CREATE MATERIALIZED VIEW placed AS
SELECT request, number, count(*) AS times
FROM events
GROUP BY 1, 2;
