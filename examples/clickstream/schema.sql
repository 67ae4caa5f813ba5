-- Traffic of a group of web shops, as `anabranch generate clickstream` makes it.
CREATE TABLE events (
  event_time   TIMESTAMP(3),
  event_id     VARCHAR,
  type         VARCHAR,               -- page_view, click, search or purchase
  site         VARCHAR,
  page         VARCHAR,
  title        VARCHAR,               -- of any script
  visitor_id   VARCHAR,
  session_id   VARCHAR,
  latency_ms   DOUBLE,
  amount       DECIMAL(12,2),         -- of purchases only
  items        BIGINT,                -- of purchases only
  new_visitor  BOOLEAN,
  referrer     VARCHAR,               -- on a session's first event only
  device STRUCT<
    os         VARCHAR,
    browser    VARCHAR,
    screen STRUCT<width BIGINT, height BIGINT>
  >,
  geo STRUCT<country VARCHAR, city VARCHAR>
) WITH (format = 'json', event_time = 'event_time');
