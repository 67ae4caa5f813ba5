-- The clickstream, declared as far as the measured views read it.
CREATE TABLE events (
  event_time   TIMESTAMP(3),
  type         VARCHAR,
  site         VARCHAR,
  page         VARCHAR,
  visitor_id   VARCHAR,
  latency_ms   DOUBLE
) WITH (format = 'json', event_time = 'event_time');
