//! Tables over batches of any cut hold the same rows.

use super::super::*;
use crate::project::Project;
use crate::sql::Source;
use proptest::prelude::*;

const SCHEMA: &str = "CREATE TABLE events (at TIMESTAMP(3), a VARCHAR, b BIGINT)
    WITH (format = 'json', event_time = 'at');";
const VIEW: &str = "CREATE MATERIALIZED VIEW v AS
    SELECT a, b, date_trunc('minute', at) AS minute, count(*) AS events, max(a) AS last
    FROM events GROUP BY 1, 2, 3;";

fn view() -> Arc<View> {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let project = Project::compile(&source("schema.sql", SCHEMA), &[source("v.sql", VIEW)]);
    Arc::clone(&project.expect("the project compiles").views[0])
}

/// Time, text, number; a text or number may be NULL.
type Event = (i64, Option<usize>, Option<i64>);

fn fold(table: &mut Table, events: &[Event], texts: &[String]) {
    let valid = |of: fn(&Event) -> bool| Some(events.iter().map(of).collect());
    let text = |event: &Event| event.1.map_or("", |text| texts[text].as_str());
    let columns = [
        Column::new(Data::Timestamp(events.iter().map(|event| event.0).collect())),
        Column {
            data: Data::Varchar(events.iter().map(text).collect()),
            valid: valid(|event| event.1.is_some()),
        },
        Column {
            data: Data::BigInt(events.iter().map(|event| event.2.unwrap_or(0)).collect()),
            valid: valid(|event| event.2.is_some()),
        },
    ];
    let arena = Bump::new();
    table.fold(&columns, 0, events.len(), &arena);
}

fn rows(table: &Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let row = |group| {
        let mut state = Vec::new();
        table.encode(group, &mut state);
        (table.key(group).to_vec(), state)
    };
    table.sorted().into_iter().map(row).collect()
}

proptest! {
    /// Equal keys in a row are looked up once where they are plainly equal: the same text in the
    /// same place, the same number, the same bucket.
    #[test]
    fn a_batch_folds_as_its_events_do_one_by_one(
        runs in prop::collection::vec(
            ((-90_000_000..90_000_000i64), prop::option::of(0..4usize), prop::option::of(0..2i64), 1..4usize),
            1..60,
        ),
        steps in prop::collection::vec(0..40_000_000i64, 1..5),
    ) {
        // The second text is equal to the first and lies elsewhere; the third is empty, as NULL is.
        let texts = ["same", "same", "", "other"].map(str::to_owned);
        let events: Vec<Event> = runs
            .iter()
            .flat_map(|&(at, a, b, length)| {
                let steps = steps.iter().cycle().take(length);
                steps.scan(at, move |at, step| { *at += step; Some((*at, a, b)) })
            })
            .collect();
        let view = view();
        let (mut whole, mut single) = (Table::new(&view), Table::new(&view));
        fold(&mut whole, &events, &texts);
        events.iter().for_each(|event| fold(&mut single, std::slice::from_ref(event), &texts));
        prop_assert_eq!(rows(&whole), rows(&single));
        for (key, _) in rows(&whole) {
            prop_assert_eq!(whole.find(&key).map(|group| whole.key(group)), Some(&key[..]));
        }
    }
}
