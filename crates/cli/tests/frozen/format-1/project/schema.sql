CREATE TABLE events (
  at TIMESTAMP(3), site VARCHAR, ok BOOLEAN, n BIGINT, x DOUBLE, amount DECIMAL(12,2),
  device STRUCT<os VARCHAR>
) WITH (format = 'json', event_time = 'at');
