CREATE MATERIALIZED VIEW totals AS
SELECT text,
       count(*)                    AS events,
       count(whole)                AS wholes,
       sum(whole)                  AS whole_sum,
       min(whole)                  AS whole_min,
       max(whole)                  AS whole_max,
       avg(whole)                  AS whole_avg,
       sum(wide)                   AS wide_sum,
       min(wide)                   AS wide_min,
       max(wide)                   AS wide_max,
       avg(money)                  AS money_avg,
       min(real)                   AS real_min,
       max(real)                   AS real_max,
       bool_and(flag)              AS all_flags,
       bool_or(flag)               AS any_flag,
       min(deep.one.two.name)      AS name_min,
       max(deep.one.two.name)      AS name_max,
       sum("Größe")                AS groesse,
       min(ts)                     AS first,
       max(ts)                     AS last
FROM events
GROUP BY text;
