CREATE MATERIALIZED VIEW hours AS
SELECT flag, date_trunc('hour', ts) AS hour,
       sum(real)                                             AS real_sum,
       avg(real)                                             AS real_avg,
       stddev(real) FILTER (WHERE abs(real) < 1e6)           AS spread,
       approx_percentile(real, 0.5)                          AS p50,
       approx_percentile(real, 0.99)                         AS p99,
       approx_distinct(text)                                 AS texts,
       approx_distinct(whole)                                AS wholes,
       approx_distinct(money)                                AS amounts,
       approx_most_frequent(4, text, 8)                      AS common,
       min_by(text, whole)                                   AS text_of_least,
       max_by(money, real)                                   AS money_of_greatest
FROM events
GROUP BY 1, 2;
