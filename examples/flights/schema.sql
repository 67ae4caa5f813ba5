-- One event is the report that closes a flight: it landed, was diverted, or never left.
-- See README.md for what event time means here and make_events.py for how the reports were made.
CREATE TABLE reports (
  flight              VARCHAR,        -- carrier and number, such as B6725
  carrier             VARCHAR,
  tail_number         VARCHAR,        -- NULL for some cancelled flights
  route STRUCT<
    origin            VARCHAR,        -- EWR, JFK or LGA
    destination       VARCHAR,
    distance_miles    BIGINT
  >,
  status              VARCHAR,        -- landed, diverted or cancelled
  scheduled_departure TIMESTAMP(0),
  departed            TIMESTAMP(0),   -- this and what follows: NULL for a cancelled flight
  departure_delay_min BIGINT,         -- negative when early
  landed              TIMESTAMP(0),
  arrival_delay_min   BIGINT,         -- NULL for a diverted flight too
  air_time_min        BIGINT
) WITH (format = 'json', event_time = 'scheduled_departure');
