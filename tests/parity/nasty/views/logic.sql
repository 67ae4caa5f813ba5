-- Three-valued logic, in WHERE and in FILTER, over buckets that do not tile an hour.
CREATE MATERIALIZED VIEW logic AS
SELECT date_bin(INTERVAL '7' MINUTE, ts)                                 AS slot,
       count(*)                                                          AS events,
       count(*) FILTER (WHERE NOT (whole > 5 AND flag))                  AS not_both,
       count(*) FILTER (WHERE whole > 5 OR flag)                         AS either,
       count(*) FILTER (WHERE whole IN (1, 2, NULL))                     AS listed,
       count(*) FILTER (WHERE whole NOT IN (1, 2, NULL))                 AS never,
       count(*) FILTER (WHERE whole NOT BETWEEN -5 AND 5)                AS outside,
       count(*) FILTER (WHERE text LIKE '%\_%' ESCAPE '\')               AS underscored,
       count(*) FILTER (WHERE text LIKE '_')                             AS single,
       count(*) FILTER (WHERE flag IS DISTINCT FROM true)                AS not_true,
       count(*) FILTER (WHERE nullif(whole, 0) IS NULL)                  AS zero_or_null,
       count(whole + 1)                                                  AS successors,
       count(1000 / whole)                                               AS quotients,
       sum(whole / 10)                                                   AS tens,
       sum(money * 3)                                                    AS triple,
       sum(length(text))                                                 AS characters,
       sum(strpos(text, '本'))                                            AS places,
       max(substr(text, 2, 3))                                           AS middle,
       max(split_part(text, '-', 2))                                     AS part,
       sum(CAST(text AS BIGINT))                                         AS numerals,
       sum(hour(ts) * 60 + minute(ts) + day_of_week(ts))                 AS clock
FROM events
WHERE flag OR NOT flag OR text IS NOT NULL
GROUP BY 1;
