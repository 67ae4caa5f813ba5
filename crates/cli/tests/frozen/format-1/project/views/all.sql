-- Between them, every aggregate and a key of every type, by time and over all time.
CREATE MATERIALIZED VIEW by_minute AS
SELECT site, date_trunc('minute', at) AS minute, count(*) AS events, sum(amount) AS revenue,
       approx_distinct(n) AS n_distinct
FROM events GROUP BY 1, 2;

CREATE MATERIALIZED VIEW totals AS
SELECT device.os AS os, count(*) AS events, count(n) AS numbers, sum(n) AS total,
       sum(amount) AS revenue, sum(x) AS x_total, avg(n) AS n_mean, avg(amount) AS amount_mean,
       avg(x) AS x_mean, min(n) AS n_min, max(x) AS x_max, min(amount) AS amount_min,
       max(at) AS at_max, min(site) AS site_min, bool_and(ok) AS all_ok, bool_or(ok) AS any_ok,
       min_by(site, amount) AS cheapest, max_by(n, at) AS latest, stddev_pop(x) AS x_spread,
       approx_distinct(n) AS n_distinct, approx_percentile(x, 0.5) AS x_median,
       approx_most_frequent(2, site, 10) AS often
FROM events GROUP BY 1;

CREATE MATERIALIZED VIEW by_value AS
SELECT ok, n, x, amount, at, count(*) AS events FROM events GROUP BY 1, 2, 3, 4, 5;

CREATE MATERIALIZED VIEW by_month AS
SELECT date_trunc('month', at) AS month, count_if(ok) AS good, approx_distinct(site) AS sites
FROM events GROUP BY 1;
