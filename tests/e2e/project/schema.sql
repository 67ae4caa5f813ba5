-- The clickstream, each event with its place in what was sent: the number of its request, and its
-- number there.
CREATE TABLE events (
  event_time   TIMESTAMP(3),
  request      BIGINT,
  number       BIGINT,
  site         VARCHAR,
  visitor_id   VARCHAR,
  latency_ms   DOUBLE,
  amount       DECIMAL(12,2)
) WITH (format = 'json', event_time = 'event_time');
