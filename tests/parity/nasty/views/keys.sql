-- Keys of every type, computed ones and NULL among them; zero and negative zero are one key.
CREATE MATERIALIZED VIEW keys AS
SELECT real, money, flag, deep.one.two.three AS three,
       coalesce(lower(trim(text)), '∅')              AS word,
       CASE WHEN whole % 2 = 0 THEN 'even' WHEN whole IS NOT NULL THEN 'odd' END AS parity,
       count(*)                                      AS events
FROM events
WHERE real IN (0, 1.5, -1.5) OR real IS NULL
GROUP BY 1, 2, 3, 4, 5, 6;
