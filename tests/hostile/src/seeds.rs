//! Seeds: good inputs of every target, made from the examples and by the code that writes such
//! bytes. A fuzzer starts from them, and the mutator in the tests.

use crate::row::PROJECT;
use crate::sql::SCHEMA;
use crate::state::Subject;
use crate::stored::KINDS;
use anabranch_core::column::{Column, Data};
use anabranch_core::definitions::{Definition, Definitions, State};
use anabranch_core::epoch::Epoch;
use anabranch_core::fold::Fold;
use anabranch_core::port::{
    Checkpoint, Manifest, ObjectInfo, PartId, PartInfo, Pointer, ShardInfo, ShardKind,
};
use anabranch_core::project::Project;
use anabranch_core::record::{Record, SequenceNumber, ShardId};
use anabranch_core::sql::Source;
use anabranch_core::types::Type;
use anabranch_core::view::{Fingerprint, Width};
use anabranch_stores::stream::drafts;
use serde::Serialize;

/// A sequence number as Kinesis gives them.
const NUMBER: &str = "49590338271490256608559692538361571095921575989136588898";

/// The good inputs of a target.
///
/// # Panics
/// If there is no target of that name.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    match target {
        "envelope" => envelopes(),
        "event" => events(),
        "ingest" => bodies(),
        "query" => queries(),
        "row" => rows(),
        "sql" => sql(),
        "state" => states(),
        "stored" => stored(),
        _ => panic!("there is no target `{target}`"),
    }
}

const EVENTS: [&str; 14] = [
    r#"{"t":"2026-01-31T12:34:56.789Z","bool":true,"int":-12,"double":1.5e3,"dec":"1.50","wide":1e-9,"text":"a\u00e9\ud83d\ude00é\n","time":"2026-01-31","fine":"2026-01-31 12:34:56.123456+01:00","x":[null,false,{"y":"z"}],"device":{"os":"b","screen":{"width":1}}}"#,
    r#"{"t":1449292800,"int":9223372036854775807,"dec":9999.994,"wide":"-99999999999999999999999999999.999999999"}"#,
    r#"{"t":"1449292800.9","int":-9223372036854775808,"dec":-9999.995,"double":1.7976931348623157e308}"#,
    r#"{"t":-62135596800,"time":253402300799.999999,"int":1.0,"double":-0.0,"dec":0.005}"#,
    r#"{"t":0,"int":1e3,"double":5e-324,"dec":1e-400,"wide":1e28}"#,
    r#"{"t":0,"bool":null,"device":null,"x":1,"x":2}"#,
    r#"{"t":0,"t":1}"#,
    r#"{"t":0,"device":{"os":"a","os":"b"}}"#,
    r#"{"t":0,"device":{"screen":[]}}"#,
    r#"{ "\u0074" : 0 , "te\u0078t" : "\"\\\/\b\f\n\r\t" }"#,
    r#"{"t":0,"text":"\ud800","x":"\udc00\ud800"}"#,
    r#"{"t":0,"int":1.5,"bool":"true"}"#,
    r#"[{"t":0}]"#,
    r#"{"x":{"t":0},"":[[[[]]]]}"#,
];

fn events() -> Vec<Vec<u8>> {
    let nested = format!("{{\"t\":0,\"x\":{}{}}}", "[".repeat(127), "]".repeat(127));
    let mut seeds: Vec<Vec<u8>> = (0..4).flat_map(|format| picked(format, &EVENTS)).collect();
    seeds.extend(picked(1, &[&nested]));
    seeds
}

/// The texts behind the byte that picks what they are taken for.
fn picked<'t>(byte: u8, texts: &'t [&str]) -> impl Iterator<Item = Vec<u8>> + use<'t> {
    texts.iter().map(move |text| [&[byte], text.as_bytes()].concat())
}

fn bodies() -> Vec<Vec<u8>> {
    let lines = EVENTS.join("\n");
    let array = format!(" [{}] \n", EVENTS.join(",\r\n"));
    let pretty = "{\n \"a\": {\n \"b\": [1,\n2]}\n}\n\n".to_owned();
    let others = ["\n\r\n \t\nx\r\n", "[]", "[{}", "{}\n{}", "{\"a\":1", "[[1],\"\\ud800\",1e400]"];
    let others = others.map(str::to_owned);
    [lines, array, pretty].into_iter().chain(others).map(String::into_bytes).collect()
}

fn sql() -> Vec<Vec<u8>> {
    macro_rules! example {
        ($($path:literal),*) => { [$(include_str!(concat!("../../../examples/", $path))),*] };
    }
    let clickstream = example![
        "clickstream/schema.sql",
        "clickstream/views/pages.sql",
        "clickstream/views/sales.sql",
        "clickstream/views/site_traffic.sql",
        "clickstream/views/visitors.sql"
    ];
    let flights = example![
        "flights/schema.sql",
        "flights/views/delays.sql",
        "flights/views/departures.sql",
        "flights/views/fleet.sql",
        "flights/views/routes.sql"
    ];
    let mut seeds = Vec::new();
    for [schema, views @ ..] in [clickstream, flights] {
        seeds.extend(views.map(|view| format!("{schema}\0{view}")));
    }
    let expressions = [
        "coalesce(s, 'x') || upper(trim(o.s))",
        "CASE WHEN a > 1 THEN 'x' WHEN b THEN s ELSE NULL END",
        "CAST(d AS DOUBLE) / nullif(f, 0.0)",
        "CAST(s AS DECIMAL(12,2)) + d * 2",
        "split_part(s, '-', 2)",
        "substr(s, 2, 3) LIKE 'a\\_%' ESCAPE '\\'",
        "a BETWEEN -1 AND 5 AND s NOT IN ('a', 'b') OR b IS NOT NULL",
        "hour(t) + day_of_week(t) % 2",
        "date_trunc('week', t)",
        "TIMESTAMP '2026-01-31 12:00:00' < t",
    ];
    seeds.extend(expressions.map(|expression| {
        format!(
            "CREATE MATERIALIZED VIEW v AS SELECT {expression} AS k, date_bin(INTERVAL '15' \
             MINUTE, t) AS slot, count(*) AS n, sum(d) FILTER (WHERE a > 0) AS total, \
             avg(f) * 2 AS mean FROM events WHERE b GROUP BY 1, 2"
        )
    }));
    seeds.push(
        "CREATE MATERIALIZED VIEW w AS SELECT count(*) AS n, count(s) AS c, count_if(b) AS i, \
         sum(a) AS sa, sum(f) AS sf, avg(a) AS aa, avg(d) AS ad, min(s) AS ms, max(t) AS mt, \
         min_by(s, t) AS b1, max_by(a, d) AS b2, bool_and(b) AS ba, bool_or(b) AS bo, \
         stddev_pop(f) AS sd, var_samp(f) AS vs, approx_distinct(s) AS ds, \
         approx_percentile(f, 0.9) AS p, approx_most_frequent(3, s, 10) AS mf FROM events"
            .to_owned(),
    );
    seeds.push(format!("{SCHEMA}\0SELECT DISTINCT a FROM events HAVING count(*) > 1 ORDER BY 1"));
    seeds.into_iter().map(String::into_bytes).collect()
}

/// A column of `count` values of a type, small, large and NULL.
fn values(ty: Type, count: usize, texts: &[String]) -> Column<'_> {
    let n = |i: usize| (i as i64 - 3) * 7_919;
    let data = match ty {
        Type::Boolean => Data::Boolean((0..count).map(|i| i % 3 == 0).collect()),
        Type::BigInt => Data::BigInt((0..count).map(n).collect()),
        Type::Double => Data::Double((0..count).map(|i| n(i) as f64 * 1.37e-3).collect()),
        Type::Decimal { .. } => {
            Data::Decimal((0..count).map(|i| i128::from(n(i)) << (i % 60)).collect())
        }
        Type::Varchar => Data::Varchar(texts[..count].iter().map(String::as_str).collect()),
        Type::Timestamp { .. } => Data::Timestamp((0..count).map(n).collect()),
        Type::FrequentItems => unreachable!("no argument has this type"),
    };
    Column { data, valid: Some((0..count).map(|i| i % 5 != 4).collect()) }
}

fn states() -> Vec<Vec<u8>> {
    let texts: Vec<String> = (0..600).map(|i| format!("text {}", i % 450)).collect();
    let mut seeds = Vec::new();
    for (picked, subject) in Subject::all() {
        // One state alone, and several in a row.
        let mut together = picked.to_vec();
        for count in [0, 1, 5, 40, 600] {
            let mut states = subject.fresh();
            let args: Vec<Column<'_>> =
                subject.types.iter().map(|&ty| values(ty, count, &texts)).collect();
            let rows: Vec<u32> = (0..count as u32).collect();
            states.update(&rows, &vec![0; count], &args);
            let mut seed = picked.to_vec();
            states.encode(0, &mut seed);
            together.extend_from_slice(&seed[3..]);
            seeds.push(seed);
        }
        seeds.push(together);
    }
    seeds.sort();
    seeds.dedup();
    seeds
}

fn rows() -> Vec<Vec<u8>> {
    let payloads: Vec<String> = (0..40)
        .map(|i| {
            let null = if i % 7 == 0 { "null" } else { "\"\\u0000x\"" };
            let (b, s) = (i % 2 == 0, i % 6);
            format!(
                r#"{{"t":"2024-02-2{}","a":{i},"b":{b},"s":"s{s}","d":-{i}.5,"f":{i}.25,"o":{{"s":{null}}}}}"#,
                i % 9
            )
        })
        .collect();
    let records: Vec<Record<'_>> = payloads.iter().map(|payload| record(1, payload)).collect();
    let mut fold = Fold::new(&PROJECT);
    fold.fold(&records);
    let mut seeds = Vec::new();
    for (picked, table) in (0..).zip(&fold.tables()[..PROJECT.user_views().len()]) {
        let mut all = vec![picked];
        for group in table.sorted() {
            let mut state = Vec::new();
            table.encode(group, &mut state);
            let key = table.key(group);
            let mut row = vec![key.len() as u8];
            row.extend_from_slice(key);
            row.extend_from_slice(&(state.len() as u16).to_le_bytes());
            row.extend_from_slice(&state);
            seeds.push([&[picked], row.as_slice()].concat());
            all.extend_from_slice(&row);
        }
        seeds.push(all);
    }
    seeds
}

fn queries() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "where=s=t1\nwhere=s=t2\nwhere=os is null\nfrom=2024-02-29\nto=2024-03-01T00:00:00Z\nevery=1h\ntz=Europe/Paris",
        "group_by=os\nmeasures=n,texts\norder_by=-n\nlimit=3\nevery=all",
        "every=1d\ntz=Asia/Kathmandu\nfrom=2024-03-31T02:30:00",
        "every=1w\norder_by=minute\nlimit=1",
        "every=1mo\ngroup_by=\nmeasures=total",
        "every=1q\ntz=America/New_York\nto=9999-12-31T23:59:59.999Z",
        "every=1y\nfrom=0001-01-01",
        "where=a=1\nwhere=d=-3.25\nwhere=f=1e3\nwhere=b=true\norder_by=mean",
        "where=at=2024-02-29T23:59:59Z\ngroup_by=at\nmeasures=latest,often,spread",
        "every=15m\nevery=30m",
        "limit=0",
        "tz=Nowhere/Land",
        "colour=blue",
        "where=outcome=accepted\nevery=1d",
    ];
    (0..4).flat_map(|view| picked(view, &texts).collect::<Vec<_>>()).collect()
}

fn record(sequence: u64, payload: &str) -> Record<'_> {
    Record {
        sequence: SequenceNumber::from(sequence),
        arrival_ms: 1_700_000_000_000 + sequence as i64,
        partition_key: "visitor \"1\"",
        payload: payload.as_bytes(),
    }
}

fn envelopes() -> Vec<Vec<u8>> {
    let shard = ShardId("shardId-000000000006".to_owned());
    let records = (1..).zip(EVENTS).map(|(sequence, event)| record(sequence, event));
    let arn = "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream";
    let kinesis = Record { sequence: NUMBER.parse().expect("a number"), ..record(1, "") };
    vec![
        anabranch_envelope::event(arn, &shard, records),
        anabranch_envelope::event(arn, &shard, [kinesis]),
        anabranch_envelope::event(arn, &shard, []),
        br#"{"Records":[{"kinesis":{"data":null,"sequenceNumber":"7"}}]}"#.to_vec(),
        br#"{"Records":[{"eventID":"a:1","kinesis":{"data":"eA==","sequenceNumber":"7","partitionKey":"\u00e9","approximateArrivalTimestamp":1e9},"eventSourceARN":""}]}"#.to_vec(),
    ]
}

fn stored() -> Vec<Vec<u8>> {
    let pairs = EVENTS.map(|event| ("key", event.as_bytes()));
    let draft = drafts(&pairs).next().expect("a block");
    let mut block = vec![0; draft.bytes()];
    draft.encode(7, &mut block);
    let sequence: SequenceNumber = NUMBER.parse().expect("a number");
    let fingerprint = Fingerprint(*b"\x00\x01 16 bytes ok \xff");
    let shard = ShardId("shardId-000000000006".to_owned());
    let pointer = Pointer { version: 7, build: "b1".to_owned(), horizon: Epoch(8) };
    let part = PartInfo {
        id: PartId { resolution: Some(Width::Week), partition: -86_400_000_000 },
        path: "v-00/7-b1/week/0.parquet".to_owned(),
        rows: 1,
        bytes: 2,
    };
    let manifest = Manifest {
        view: "v".to_owned(),
        fingerprint,
        plan: "plan\n".to_owned(),
        version: 8,
        build: "b2".to_owned(),
        horizon: Epoch(9),
        created_ms: 10,
        records: 11,
        previous: Some(pointer.clone()),
        parts: vec![part],
    };
    let checkpoint = Checkpoint {
        sequence,
        epoch: Epoch(3),
        newest_arrival_ms: -1,
        covered: [(fingerprint, Epoch(2))].into(),
        distrusted: Epoch::ZERO,
    };
    let info = ShardInfo {
        shard: shard.clone(),
        kind: ShardKind::Import,
        base_epoch: Epoch(1),
        closed: Some(sequence),
    };
    let object = ObjectInfo {
        shard,
        epoch: Epoch(5),
        first: SequenceNumber::from(2),
        last: sequence,
        follows: Some(SequenceNumber::from(1)),
        records: 3,
        heartbeats: 1,
        min_arrival_ms: 4,
        max_arrival_ms: 5,
    };
    let bytes: [Vec<u8>; KINDS as usize] = [
        block,
        json(&manifest),
        json(&pointer),
        json(&checkpoint),
        json(&info),
        json(&object),
        fingerprint.to_string().into_bytes(),
        NUMBER.into(),
        b"15m/1442016000000000".to_vec(),
        b"week".to_vec(),
        json(&definitions()),
    ];
    (0..).zip(bytes).map(|(kind, bytes)| [&[kind][..], &bytes].concat()).collect()
}

/// Definitions in every state: of the present schema and of another, and one whose SQL is wrong.
fn definitions() -> Definitions {
    let defines = |name: &str, measure: &str| {
        format!(
            "CREATE MATERIALIZED VIEW {name} AS SELECT s, {measure} AS m FROM events GROUP BY 1"
        )
    };
    let other =
        "CREATE TABLE events (t TIMESTAMP(0), s VARCHAR) WITH (format = 'json', event_time = 't')";
    let texts = [SCHEMA, other, &defines("texts", "count(*)"), &defines("gone", "sum(missing)")];
    let compiled = |schema: &str, text: Option<&str>, name: &str| {
        let source = |text: &str| Source { name: name.to_owned(), text: text.to_owned() };
        let views: Vec<Source> = text.into_iter().map(source).collect();
        let project = Project::compile(&source(schema), &views).ok();
        let view = project.as_ref().map(|project| project.views[0].fingerprint);
        let records = project.map(|project| project.records_view().fingerprint);
        let none = Fingerprint([7; 16]);
        (view.unwrap_or(none), records.unwrap_or(none))
    };
    let definition = |name: &str, state, schema: usize, source: Option<usize>| {
        let (fingerprint, records) = compiled(texts[schema], source.map(|at| texts[at]), name);
        let (view, schema) = (name.to_owned(), Some(schema));
        Definition { view, fingerprint, records, state, schema, source }
    };
    let views = vec![
        definition("texts", State::Current, 0, Some(2)),
        definition("texts", State::Superseded, 1, Some(2)),
        definition("anabranch_records", State::Superseded, 1, None),
        definition("gone", State::Superseded, 0, Some(3)),
        Definition { schema: None, source: None, ..definition("a", State::Retired, 0, Some(3)) },
        Definition { schema: None, source: None, ..definition("b", State::Removed, 0, Some(3)) },
    ];
    let put_ms = Some(1_770_000_000_000);
    Definitions { revision: 3, texts: texts.map(str::to_owned).to_vec(), views, put_ms }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("it has a JSON form")
}
