-- What an event looks like. An event is one JSON object; fields that are not declared here are
-- kept in the master data set and can be declared later.
--
-- Types: BOOLEAN, BIGINT, DOUBLE, DECIMAL(precision, scale), VARCHAR, TIMESTAMP(0 | 3 | 6), and
-- STRUCT<name type, …> for nested objects. A missing field and a JSON null are both NULL; a value
-- of another type makes the event a rejected record, which is kept, counted and can be listed with
-- `anabranch rejected`.
CREATE TABLE requests (
  time         TIMESTAMP(3),          -- when it happened, by the service's clock
  service      VARCHAR,
  route        VARCHAR,
  status       BIGINT,
  duration_ms  DOUBLE,
  billed       DECIMAL(12,4),         -- exact: never a rounding error
  customer     VARCHAR,
  client STRUCT<country VARCHAR, app VARCHAR>
) WITH (
  format = 'json',
  event_time = 'time'                 -- decides which bucket an event is counted in
  -- , timestamp_format = 'epoch_milliseconds'  -- if times are numbers
);
