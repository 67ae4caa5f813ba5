-- One column of every type, some nested, one with a name that must be quoted.
CREATE TABLE events (
  ts      TIMESTAMP(6),
  flag    BOOLEAN,
  whole   BIGINT,
  real    DOUBLE,
  money   DECIMAL(18,4),
  wide    DECIMAL(30,10),
  text    VARCHAR,
  "Größe" BIGINT,
  deep    STRUCT<one STRUCT<two STRUCT<three BIGINT, name VARCHAR>>>
) WITH (format = 'json', event_time = 'ts');
