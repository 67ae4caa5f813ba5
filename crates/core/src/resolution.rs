//! Resolutions and partitions: how a batch view's rows are laid out in time.
//!
//! Beside its own bucket width a view is kept rolled up by hour and by day, where its buckets tile
//! those. Each resolution is cut into partitions by time, so that an incremental build rewrites
//! only the stretches that new events fall into, and a query reads only those it asks for.
//!
//! | resolution | partition |
//! |---|---|
//! | below a day | UTC day |
//! | a day | UTC month |
//! | anything else, all-time | one for all |

use crate::timestamp;
use crate::view::{View, Width};

/// An hour.
pub const HOUR: Width = Width::Fixed { micros: 3_600_000_000 };
/// A day.
pub const DAY: Width = Width::Fixed { micros: 86_400_000_000 };

/// The resolutions stored for `view`, finest first; one `None` for an all-time view.
pub fn resolutions(view: &View) -> Vec<Option<Width>> {
    let Some(bucket) = &view.bucket else { return vec![None] };
    let mut widths = vec![Some(bucket.width)];
    for coarser in [HOUR, DAY] {
        if bucket.width != coarser && tiles(bucket.width, coarser) {
            widths.push(Some(coarser));
        }
    }
    widths
}

/// Whether every bucket of `coarse` is made of whole buckets of `fine`.
pub fn tiles(fine: Width, coarse: Width) -> bool {
    match (fine, coarse) {
        (Width::Fixed { micros: fine }, Width::Fixed { micros: coarse }) => coarse % fine == 0,
        // Weeks, months, quarters and years start at midnight UTC.
        (Width::Fixed { micros }, _) => 86_400_000_000 % micros == 0,
        (Width::Month, Width::Quarter | Width::Year) | (Width::Quarter, Width::Year) => true,
        (fine, coarse) => fine == coarse,
    }
}

/// The start of the partition that holds `bucket` at a resolution.
pub fn partition(resolution: Option<Width>, bucket: i64) -> i64 {
    match partition_width(resolution) {
        Some(width) => timestamp::truncate(bucket, width),
        None => 0,
    }
}

/// The stretch of bucket starts that a partition holds.
pub fn partition_range(resolution: Option<Width>, partition: i64) -> std::ops::Range<i64> {
    match partition_width(resolution) {
        Some(width) => partition..timestamp::next(partition, width),
        None => i64::MIN..i64::MAX,
    }
}

fn partition_width(resolution: Option<Width>) -> Option<Width> {
    match resolution? {
        Width::Fixed { micros } if micros < 86_400_000_000 => Some(DAY),
        DAY => Some(Width::Month),
        _ => None,
    }
}

/// A width's short name in paths and manifests: `60s`, `week`, `month`…
pub fn width_name(width: Width) -> String {
    match width {
        Width::Fixed { micros } if micros % 86_400_000_000 == 0 => {
            format!("{}d", micros / 86_400_000_000)
        }
        Width::Fixed { micros } if micros % 3_600_000_000 == 0 => {
            format!("{}h", micros / 3_600_000_000)
        }
        Width::Fixed { micros } if micros % 60_000_000 == 0 => format!("{}m", micros / 60_000_000),
        Width::Fixed { micros } if micros % 1_000_000 == 0 => format!("{}s", micros / 1_000_000),
        Width::Fixed { micros } => format!("{micros}us"),
        Width::Week => "week".to_owned(),
        Width::Month => "month".to_owned(),
        Width::Quarter => "quarter".to_owned(),
        Width::Year => "year".to_owned(),
    }
}

/// The inverse of [`width_name`].
pub fn parse_width_name(name: &str) -> Option<Width> {
    Some(match name {
        "week" => Width::Week,
        "month" => Width::Month,
        "quarter" => Width::Quarter,
        "year" => Width::Year,
        _ => {
            let digits = name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let unit = match &name[digits..] {
                "d" => 86_400_000_000,
                "h" => 3_600_000_000,
                "m" => 60_000_000,
                "s" => 1_000_000,
                "us" => 1,
                _ => return None,
            };
            let micros = name[..digits].parse::<i64>().ok()?.checked_mul(unit)?;
            if micros == 0 {
                return None;
            }
            Width::Fixed { micros }
        }
    })
}

/// [`crate::port::PartId`] as text: `1h/1442016000000000`, `all/0`.
pub mod part_id {
    use crate::port::PartId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// The text of an id.
    pub fn to_text(id: PartId) -> String {
        let resolution = id.resolution.map_or("all".to_owned(), super::width_name);
        format!("{resolution}/{}", id.partition)
    }

    /// The inverse of [`to_text`].
    pub fn from_text(text: &str) -> Option<PartId> {
        let (resolution, partition) = text.split_once('/')?;
        let resolution = match resolution {
            "all" => None,
            name => Some(super::parse_width_name(name)?),
        };
        Some(PartId { resolution, partition: partition.parse().ok()? })
    }

    /// For serde.
    pub fn serialize<S: Serializer>(id: &PartId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_text(*id))
    }

    /// For serde.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PartId, D::Error> {
        let text = String::deserialize(deserializer)?;
        from_text(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a part id")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::PartId;
    use crate::project::Project;
    use crate::sql::Source;

    const SECOND: i64 = 1_000_000;
    const DAY_MICROS: i64 = 86_400 * SECOND;

    fn seconds(n: i64) -> Width {
        Width::Fixed { micros: n * SECOND }
    }

    fn resolutions_of(group_by: &str) -> Vec<Option<Width>> {
        let source = |text: String| Source { name: "test.sql".to_owned(), text };
        let schema = source(
            "CREATE TABLE events (t TIMESTAMP(3), site VARCHAR)
             WITH (format = 'json', event_time = 't')"
                .to_owned(),
        );
        let view = source(format!(
            "CREATE MATERIALIZED VIEW v AS
             SELECT {group_by} AS by, count(*) AS n FROM events GROUP BY 1"
        ));
        let project = Project::compile(&schema, &[view]).expect("the project compiles");
        resolutions(project.view("v").expect("the view"))
    }

    #[test]
    fn a_view_is_kept_by_the_hour_and_the_day_where_its_buckets_tile_them() {
        let of = |unit: &str| resolutions_of(&format!("date_trunc('{unit}', t)"));
        assert_eq!(of("minute"), [Some(seconds(60)), Some(HOUR), Some(DAY)]);
        assert_eq!(of("hour"), [Some(HOUR), Some(DAY)]);
        assert_eq!(of("day"), [Some(DAY)]);
        assert_eq!(of("week"), [Some(Width::Week)]);
        assert_eq!(of("month"), [Some(Width::Month)]);
        let bin = |text: &str| resolutions_of(&format!("date_bin(INTERVAL {text}, t)"));
        assert_eq!(bin("'7' MINUTE"), [Some(seconds(420))]);
        assert_eq!(bin("'90' MINUTE"), [Some(seconds(5_400)), Some(DAY)]);
        assert_eq!(resolutions_of("site"), [None]);
    }

    #[test]
    fn parts_hold_a_day_or_a_month_or_everything() {
        // 2026-01-31T12:34:56Z, the start of its day, of the next day, and of its month and next.
        let bucket = 1_769_862_896 * SECOND;
        let [day, tomorrow, month] = [1_769_817_600, 1_769_904_000, 1_767_225_600];
        for width in [Width::Fixed { micros: 7 }, seconds(60), HOUR, seconds(12 * 3_600)] {
            assert_eq!(partition(Some(width), bucket), day * SECOND);
            let held = partition_range(Some(width), day * SECOND);
            assert_eq!(held, day * SECOND..tomorrow * SECOND);
        }
        assert_eq!(partition(Some(DAY), day * SECOND), month * SECOND);
        let held = partition_range(Some(DAY), month * SECOND);
        assert_eq!(held, month * SECOND..tomorrow * SECOND);
        for width in [None, Some(seconds(2 * 86_400)), Some(Width::Week), Some(Width::Month)] {
            assert_eq!(partition(width, bucket), 0);
            assert_eq!(partition_range(width, 0), i64::MIN..i64::MAX);
        }
    }

    #[test]
    fn widths_are_named_by_their_largest_unit() {
        let names = [
            (Width::Fixed { micros: 1 }, "1us"),
            (Width::Fixed { micros: 1_500_000 }, "1500000us"),
            (seconds(1), "1s"),
            (seconds(90), "90s"),
            (seconds(60), "1m"),
            (seconds(5_400), "90m"),
            (HOUR, "1h"),
            (seconds(36 * 3_600), "36h"),
            (DAY, "1d"),
            (Width::Fixed { micros: 2 * DAY_MICROS }, "2d"),
            (Width::Week, "week"),
            (Width::Month, "month"),
            (Width::Quarter, "quarter"),
            (Width::Year, "year"),
        ];
        for (width, name) in names {
            assert_eq!(width_name(width), name);
            assert_eq!(parse_width_name(name), Some(width));
        }
        for name in ["", "s", "0s", "-1s", "1", "1.5s", "1x", "99999999999999d", "weeks"] {
            assert_eq!(parse_width_name(name), None, "{name}");
        }
    }

    #[test]
    fn manifests_hold_part_ids_as_text() {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct Part(#[serde(with = "part_id")] PartId);
        let part = Part(PartId { resolution: Some(HOUR), partition: 1_442_016_000_000_000 });
        let json = serde_json::to_string(&part).unwrap();
        assert_eq!(json, "\"1h/1442016000000000\"");
        assert_eq!(serde_json::from_str::<Part>(&json).unwrap(), part);
        assert!(serde_json::from_str::<Part>("\"1h\"").is_err());
        let all = PartId { resolution: None, partition: 0 };
        assert_eq!(part_id::to_text(all), "all/0");
    }

    #[test]
    fn part_ids_survive_text() {
        for resolution in [None, Some(Width::Week), Some(HOUR), Some(Width::Fixed { micros: 7 })] {
            let id = PartId { resolution, partition: -86_400_000_000 };
            assert_eq!(part_id::from_text(&part_id::to_text(id)), Some(id));
        }
        assert_eq!(part_id::from_text("0h/0"), None);
        assert_eq!(part_id::from_text("7 parsecs/0"), None);
    }

    #[test]
    fn widths_that_do_not_tile_are_told_apart() {
        let minutes = |n: i64| Width::Fixed { micros: n * 60_000_000 };
        assert!(tiles(minutes(15), HOUR));
        assert!(!tiles(minutes(7), HOUR));
        assert!(tiles(HOUR, Width::Month));
        assert!(!tiles(Width::Week, Width::Month));
        assert!(tiles(Width::Month, Width::Year));
        assert!(tiles(Width::Month, Width::Quarter));
        assert!(tiles(Width::Quarter, Width::Year));
        assert!(!tiles(Width::Year, Width::Month));
        assert!(!tiles(Width::Quarter, Width::Month));
        assert!(tiles(Width::Week, Width::Week));
        assert!(!tiles(Width::Month, DAY));
        assert!(!tiles(minutes(7), Width::Month));
        assert!(!tiles(Width::Fixed { micros: 2 * DAY_MICROS }, Width::Month));
        assert!(tiles(HOUR, DAY));
        assert!(!tiles(DAY, HOUR));
    }
}
