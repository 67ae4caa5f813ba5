//! Tables against plain loops: which events count, where their states go, and how states travel.

mod batches;

use super::*;
use crate::fold::Fold;
use crate::project::Project;
use crate::record::{Record, SequenceNumber};
use crate::sql::Source;
use crate::types::Value;
use std::collections::{BTreeMap, HashMap};

/// (site, second, amount)
type Event = (Option<&'static str>, i64, i64);

const EVENTS: [Event; 9] = [
    (Some("b"), 61, 5),
    (Some("a"), 7, 20),
    (None, 8, 100),
    (Some("a"), 59, 10),
    (Some("b"), 0, 11),
    (Some("a"), 60, -3),
    (Some("b"), 61, 7),
    (Some("a"), 7, 1),
    (Some("c"), 0, 10),
];

fn project() -> Arc<Project> {
    let source = |text: &str| Source { name: "test.sql".to_owned(), text: text.to_owned() };
    let schema = source(
        "CREATE TABLE events (t TIMESTAMP(3), site VARCHAR, amount BIGINT)
         WITH (format = 'json', event_time = 't', timestamp_format = 'epoch_milliseconds')",
    );
    let views = source(
        "CREATE MATERIALIZED VIEW traffic AS
         SELECT site, date_trunc('minute', t) AS minute, count(*) AS events,
                sum(amount) FILTER (WHERE amount > 10) AS big,
                count(*) FILTER (WHERE amount < 10) AS small, avg(amount) AS mean
         FROM events WHERE site IS NOT NULL GROUP BY 1, 2;",
    );
    Arc::new(Project::compile(&schema, &[views]).expect("the project compiles"))
}

fn folded(project: &Arc<Project>, events: &[Event]) -> Table {
    let payloads: Vec<String> = events
        .iter()
        .map(|(site, second, amount)| {
            let site = site.map_or("null".to_owned(), |site| format!("\"{site}\""));
            format!(r#"{{"t":{},"site":{site},"amount":{amount}}}"#, second * 1_000)
        })
        .collect();
    let records: Vec<Record<'_>> = payloads
        .iter()
        .map(|payload| Record {
            sequence: SequenceNumber::ZERO,
            arrival_ms: 0,
            partition_key: "",
            payload: payload.as_bytes(),
        })
        .collect();
    let mut fold = Fold::new(project);
    fold.fold(&records);
    fold.take().swap_remove(0)
}

/// Site and minute, then events, big, small and mean.
type Row = (String, i64, Vec<Value>);

fn rows_of(table: &Table) -> Vec<Row> {
    let arena = Bump::new();
    let groups = table.sorted();
    let (keys, buckets) = table.key_columns(&groups, &arena).expect("keys are whole");
    let measures = table.measures(&groups, &arena);
    let buckets = buckets.expect("the view has buckets");
    (0..groups.len())
        .map(|row| {
            let Value::Varchar(site) = keys[0].value(row) else { panic!("a site is a text") };
            (site, buckets[row], measures.iter().map(|m| m.value(row)).collect())
        })
        .collect()
}

fn expected(events: &[Event]) -> Vec<Row> {
    let mut groups: BTreeMap<(String, i64), Vec<i64>> = BTreeMap::new();
    for (site, second, amount) in events {
        if let Some(site) = site {
            let minute = second / 60 * 60_000_000;
            groups.entry(((*site).to_owned(), minute)).or_default().push(*amount);
        }
    }
    let row = |((site, minute), amounts): ((String, i64), Vec<i64>)| {
        let big: Vec<i64> = amounts.iter().copied().filter(|&amount| amount > 10).collect();
        let small = amounts.iter().filter(|&&amount| amount < 10).count() as i64;
        let sum = if big.is_empty() {
            Value::Null
        } else {
            Value::Decimal(big.iter().map(|&v| i128::from(v)).sum())
        };
        let mean = amounts.iter().sum::<i64>() as f64 / amounts.len() as f64;
        let events = amounts.len() as i64;
        (site, minute, vec![Value::BigInt(events), sum, Value::BigInt(small), Value::Double(mean)])
    };
    groups.into_iter().map(row).collect()
}

#[test]
fn events_count_where_the_filters_are_true() {
    assert_eq!(rows_of(&folded(&project(), &EVENTS)), expected(&EVENTS));
}

#[test]
fn selections_are_narrowed_with_their_groups() {
    let selected = [1, 3, 4, 8, 9];
    let groups = [10, 30, 40, 80, 90];
    let narrowed = |passing: &[u32]| narrow(passing, &selected, &groups);
    assert_eq!(narrowed(&[]), (vec![], vec![]));
    assert_eq!(narrowed(&[3, 9]), (vec![3, 9], vec![30, 90]));
    assert_eq!(narrowed(&[0, 1, 2, 5, 8]), (vec![1, 8], vec![10, 80]));
    assert_eq!(narrowed(&selected), (selected.to_vec(), groups.to_vec()));
}

#[test]
fn a_key_has_one_group() {
    let project = project();
    let mut table = Table::new(&project.views[0]);
    assert!(table.is_empty());
    let keys: [&[u8]; 4] = [b"b", b"", b"ab", b"a"];
    for (group, key) in (0..).zip(keys) {
        assert_eq!(table.find(key), None);
        assert_eq!(table.group(key), group);
        assert_eq!(table.len(), group as usize + 1);
    }
    assert!(!table.is_empty());
    for (group, key) in (0..).zip(keys) {
        assert_eq!((table.find(key), table.group(key)), (Some(group), group));
        assert_eq!(table.key(group), key);
    }
    assert_eq!(table.len(), keys.len());
    assert_eq!(table.sorted(), [1, 3, 2, 0]);
    assert_eq!(table.view().fingerprint, project.views[0].fingerprint);
}

/// Two sites whose keys in minute 0 have the same half of their hashes in the index.
fn colliding_sites() -> [(String, Vec<u8>); 2] {
    let mut seen: HashMap<u32, (String, Vec<u8>)> = HashMap::new();
    for n in 0..1_000_000 {
        let site = format!("site-{n}");
        let mut key = Vec::new();
        key::push_value(&mut key, &Value::Varchar(site.clone()));
        key::push_bucket(&mut key, 0);
        if let Some(other) =
            seen.insert((HASHER.hash_one(&key[..]) >> 32) as u32, (site.clone(), key.clone()))
        {
            return [other, (site, key)];
        }
    }
    panic!("among a million keys, two have the same 32 bits")
}

#[test]
fn keys_that_collide_in_the_index_keep_their_own_groups() {
    let project = project();
    let [(first, first_key), (second, second_key)] = colliding_sites();
    let mut table = Table::new(&project.views[0]);
    assert_eq!([table.group(&first_key), table.group(&second_key)], [0, 1]);
    assert_eq!([table.find(&first_key), table.find(&second_key)], [Some(0), Some(1)]);

    let mut fold = Fold::new(&project);
    // A batch each, so that the second finds the first in the index.
    for site in [&first, &second, &first] {
        let payload = format!(r#"{{"t":7,"site":"{site}","amount":1}}"#);
        fold.fold(&[Record {
            sequence: SequenceNumber::ZERO,
            arrival_ms: 0,
            partition_key: "",
            payload: payload.as_bytes(),
        }]);
    }
    let table = fold.take().swap_remove(0);
    let expected = [(first, Value::BigInt(2)), (second, Value::BigInt(1))];
    let counts: HashMap<String, Value> =
        rows_of(&table).into_iter().map(|(site, _, values)| (site, values[0].clone())).collect();
    assert_eq!(counts, HashMap::from(expected));
}

#[test]
fn states_come_together_in_whatever_form_they_travel() {
    let project = project();
    let whole = expected(&EVENTS);
    for cut in 0..=EVENTS.len() {
        let (left, right) = EVENTS.split_at(cut);
        let right = folded(&project, right);
        let mut merged = folded(&project, left);
        merged.merge_table(&right).unwrap();
        assert_eq!(rows_of(&merged), whole);

        let mut loaded = folded(&project, left);
        let arena = Bump::new();
        let rows = right.rows(&right.sorted(), &arena).unwrap();
        assert_eq!((rows.len(), rows.measures.len()), (right.len(), 4));
        let groups = loaded.groups_of_rows(&rows);
        loaded.load(&groups, &rows.states).unwrap();
        assert_eq!(rows_of(&loaded), whole);
    }
}

#[test]
fn a_stored_column_that_was_not_read_leaves_its_aggregate_alone() {
    let project = project();
    let table = folded(&project, &EVENTS);
    let arena = Bump::new();
    let mut rows = table.rows(&table.sorted(), &arena).unwrap();
    rows.states[1] = rows.states[1].take(&[]);
    let mut loaded = Table::new(&project.views[0]);
    let groups = loaded.groups_of_rows(&rows);
    loaded.load(&groups, &rows.states).unwrap();
    for ((_, _, read), (_, _, whole)) in rows_of(&loaded).iter().zip(rows_of(&table)) {
        assert_eq!((&read[0], &read[1]), (&whole[0], &Value::Null));
        assert_eq!(read[2..], whole[2..]);
    }
}

#[test]
fn stored_columns_have_the_types_that_the_table_says() {
    let project = project();
    let table = folded(&project, &EVENTS);
    let arena = Bump::new();
    let rows = table.rows(&table.sorted(), &arena).unwrap();
    let types = table.stored_types();
    assert_eq!(types.len(), rows.states.len());
    let sum = Type::Decimal { precision: 38, scale: 0 };
    assert_eq!(types, [Some(Type::BigInt), Some(sum), Some(Type::BigInt), None]);
    assert!(matches!(rows.states[0].data, Data::BigInt(_)));
    assert!(matches!(rows.states[1].data, Data::Decimal(_)));
    assert!(matches!(rows.states[3].data, Data::Binary(_)));
}

#[test]
fn a_state_of_another_version_or_length_is_refused() {
    let project = project();
    let table = folded(&project, &EVENTS);
    let mut state = Vec::new();
    table.encode(0, &mut state);
    let mut fresh = Table::new(&project.views[0]);
    let mut refused = |state: &[u8]| fresh.merge(b"key", state).unwrap_err().0;
    assert_eq!(refused(&[]), "it is empty");
    let newer = [&[STATE_VERSION + 1], &state[1..]].concat();
    assert_eq!(refused(&newer), "its version is 2; this program reads version 1");
    assert_eq!(refused(&[&state[..], &[0]].concat()), "it is too long");
    refused(&state[..state.len() - 1]);
}

#[test]
fn a_table_takes_memory_for_its_keys_and_its_states() {
    let project = project();
    let table = folded(&project, &EVENTS);
    let keys: usize = (0..table.len() as u32).map(|group| table.key(group).len()).sum();
    let states: usize = table.accumulators.iter().map(|a| a.memory_bytes()).sum();
    assert!(states > 0);
    assert!(table.memory_bytes() > keys + states);
}
