//! Tables: the rows of a CSV or TSV file as JSON objects, one a line.
//!
//! The header names the columns; the schema says what their cells become. A cell that does not
//! read as its column's type is sent as a string, for the schema to reject where the producer can
//! see it; nothing is guessed and nothing is dropped.
//!
//! | column | cell | value |
//! |---|---|---|
//! | any | empty | `null` |
//! | BIGINT, DOUBLE, DECIMAL | a JSON number | the number, digit for digit |
//! | BOOLEAN | `true` `t` `1`, `false` `f` `0`, in any case | `true`, `false` |
//! | any other, or not in the schema | | a string |
//!
//! A row with more or fewer cells than the header is sent as one string, which is no event.

use super::columns::{Columns, Kind, Leaf};
use super::{Batch, Take};
use csv::ByteRecord;
use std::collections::HashSet;
use std::io::Read;
use std::time::{Duration, Instant};

/// How long a row of a live source may wait for others.
const LIVE_WAIT: Duration = Duration::from_millis(50);

/// How cells are told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    delimiter: u8,
    quoting: bool,
}

pub(super) const CSV: Dialect = Dialect { delimiter: b',', quoting: true };
pub(super) const TSV: Dialect = Dialect { delimiter: b'\t', quoting: false };

/// Reads a table and hands its rows over in blocks of about `block_bytes`.
pub(super) fn read(
    reader: impl Read,
    dialect: Dialect,
    columns: &Columns,
    block_bytes: usize,
    live: bool,
    take: Take<'_>,
) -> anyhow::Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(dialect.delimiter)
        .quoting(dialect.quoting)
        .flexible(true)
        .buffer_capacity(256 << 10)
        .from_reader(reader);
    let encoder = Encoder::new(reader.byte_headers()?, dialect.delimiter, columns)?;
    let mut record = ByteRecord::new();
    let mut batch = Batch::default();
    let mut last = Instant::now();
    while reader.read_byte_record(&mut record)? {
        encoder.encode(&record, &mut batch.block);
        batch.block.push(b'\n');
        batch.events += 1;
        if batch.block.len() >= block_bytes || (live && last.elapsed() >= LIVE_WAIT) {
            take(std::mem::take(&mut batch))?;
            batch.block.reserve(block_bytes + block_bytes / 8);
            last = Instant::now();
        }
    }
    if batch.events > 0 {
        take(batch)?;
    }
    Ok(())
}

/// Writes the rows of one table: the text between the cells is made once, from the header.
#[derive(Debug)]
struct Encoder {
    steps: Vec<Step>,
    cells: usize,
    delimiter: u8,
}

#[derive(Debug, PartialEq)]
enum Step {
    Text(Vec<u8>),
    Cell(usize, Kind),
}

/// A field of the object that rows become, in the order of the header.
#[derive(Debug)]
enum Field {
    Cell(usize, Kind),
    Object(Vec<(String, Field)>),
}

impl Encoder {
    fn new(header: &ByteRecord, delimiter: u8, columns: &Columns) -> anyhow::Result<Self> {
        let mut fields = Vec::new();
        let mut names = HashSet::new();
        for (cell, name) in header.iter().enumerate() {
            let name = std::str::from_utf8(name).map_err(|_| {
                anyhow::anyhow!("the name of column {} is not UTF-8: {name:02x?}", cell + 1)
            })?;
            anyhow::ensure!(!name.is_empty(), "column {} has no name in the header", cell + 1);
            anyhow::ensure!(names.insert(name), "two columns are named `{name}`");
            let Leaf { path, kind } = columns.leaf(name);
            if !insert(&mut fields, &path, Field::Cell(cell, kind)) {
                anyhow::bail!("column `{name}` is both a value and has parts of its own");
            }
        }
        anyhow::ensure!(!fields.is_empty(), "there is no header to name the columns");
        let mut steps = vec![Step::Text(Vec::new())];
        write_object(&fields, &mut steps);
        Ok(Encoder { steps, cells: header.len(), delimiter })
    }

    fn encode(&self, record: &ByteRecord, out: &mut Vec<u8>) {
        if record.len() != self.cells {
            let cells: Vec<&[u8]> = record.iter().collect();
            return push_string(out, &cells.join(&self.delimiter));
        }
        for step in &self.steps {
            match step {
                Step::Text(text) => out.extend_from_slice(text),
                Step::Cell(cell, kind) => push_cell(out, &record[*cell], *kind),
            }
        }
    }
}

/// Puts a cell at `path`; false if something else is in its way.
fn insert(fields: &mut Vec<(String, Field)>, path: &[String], cell: Field) -> bool {
    let [name, rest @ ..] = path else { return false };
    let at = fields.iter().position(|(known, _)| known == name);
    match (at.map(|at| &mut fields[at].1), rest) {
        (None, []) => fields.push((name.clone(), cell)),
        (None, rest) => {
            let mut parts = Vec::new();
            let inserted = insert(&mut parts, rest, cell);
            fields.push((name.clone(), Field::Object(parts)));
            return inserted;
        }
        (Some(Field::Object(parts)), [_, ..]) => return insert(parts, rest, cell),
        (Some(_), _) => return false,
    }
    true
}

fn write_object(fields: &[(String, Field)], steps: &mut Vec<Step>) {
    for (i, (name, field)) in fields.iter().enumerate() {
        let text = text(steps);
        text.push(if i == 0 { b'{' } else { b',' });
        push_string(text, name.as_bytes());
        text.push(b':');
        match field {
            Field::Cell(cell, kind) => {
                steps.push(Step::Cell(*cell, *kind));
                steps.push(Step::Text(Vec::new()));
            }
            Field::Object(parts) => write_object(parts, steps),
        }
    }
    text(steps).push(b'}');
}

/// The text that the steps end with.
fn text(steps: &mut [Step]) -> &mut Vec<u8> {
    match steps.last_mut() {
        Some(Step::Text(text)) => text,
        _ => unreachable!("text follows every cell"),
    }
}

fn push_cell(out: &mut Vec<u8>, cell: &[u8], kind: Kind) {
    let literal: Option<&[u8]> = match kind {
        _ if cell.is_empty() => Some(b"null"),
        Kind::Number => is_json_number(cell).then_some(cell),
        Kind::Boolean => match cell.to_ascii_lowercase().as_slice() {
            b"true" | b"t" | b"1" => Some(b"true"),
            b"false" | b"f" | b"0" => Some(b"false"),
            _ => None,
        },
        Kind::Text => None,
    };
    match literal {
        Some(literal) => out.extend_from_slice(literal),
        None => push_string(out, cell),
    }
}

/// Whether `text` is `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_json_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = &fraction[count..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = match exponent {
            [b'+' | b'-', digits @ ..] => digits,
            digits => digits,
        };
        let count = digits(exponent);
        return count > 0 && count == exponent.len();
    }
    rest.is_empty()
}

/// Writes a JSON string. Bytes that are not UTF-8 stay as they are: the schema rejects them.
fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let mut plain = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[plain..at]);
        plain = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]));
            }
        }
    }
    out.extend_from_slice(&text[plain..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Columns {
        let reply = r#"{"columns":[
            {"path":["at"],"type":"TIMESTAMP(3)"},{"path":["n"],"type":"BIGINT"},
            {"path":["price"],"type":"DECIMAL(12,2)"},{"path":["ok"],"type":"BOOLEAN"},
            {"path":["device","os"],"type":"VARCHAR"},
            {"path":["device","screen","width"],"type":"BIGINT"}]}"#;
        Columns::of_server(serde_json::from_str(reply).unwrap())
    }

    fn rows(text: &[u8], dialect: Dialect) -> anyhow::Result<Vec<String>> {
        let mut out = Vec::new();
        let mut take = |batch: Batch| {
            assert_eq!(batch.payloads().count(), batch.events);
            out.extend(batch.payloads().map(|p| String::from_utf8_lossy(p).into_owned()));
            Ok(())
        };
        read(text, dialect, &columns(), 64, false, &mut take)?;
        Ok(out)
    }

    fn csv(text: &str) -> Vec<String> {
        rows(text.as_bytes(), CSV).unwrap()
    }

    #[test]
    fn cells_become_what_the_schema_says() {
        assert_eq!(
            csv(
                "at,n,price,ok,extra\r\n2026-01-01,-7,1.50,T,007\r\n,,,,\r\nx,1e3,0.1,0,\"a,b\"\r\n"
            ),
            [
                r#"{"at":"2026-01-01","n":-7,"price":1.50,"ok":true,"extra":"007"}"#,
                r#"{"at":null,"n":null,"price":null,"ok":null,"extra":null}"#,
                r#"{"at":"x","n":1e3,"price":0.1,"ok":false,"extra":"a,b"}"#,
            ]
        );
    }

    #[test]
    fn what_is_not_of_the_columns_type_is_sent_as_text_to_be_rejected() {
        for cell in ["NaN", "+1", "007", ".5", "5.", "1_000", " 1", "1e", "0x10", "-", "1.2.3"] {
            assert_eq!(csv(&format!("n\n{cell}\n")), [format!(r#"{{"n":"{cell}"}}"#)]);
        }
        assert_eq!(csv("ok\nyes\n2\n"), [r#"{"ok":"yes"}"#, r#"{"ok":"2"}"#]);
        for number in ["0", "-0", "12", "0.0", "-1.5E+10", "9e-3", "123456789012345678901234567890"]
        {
            assert_eq!(csv(&format!("n\n{number}\n")), [format!(r#"{{"n":{number}}}"#)]);
        }
    }

    #[test]
    fn dotted_names_are_put_together_as_structs() {
        assert_eq!(
            csv("device.os,n,device.screen.width,not.declared\nmac,1,800,x\n"),
            [r#"{"device":{"os":"mac","screen":{"width":800}},"n":1,"not.declared":"x"}"#]
        );
    }

    #[test]
    fn text_is_escaped_and_a_cell_of_several_lines_stays_one_event() {
        assert_eq!(csv("a\n\"x \"\"y\"\"\n\\\tz\u{1}é\"\n"), [r#"{"a":"x \"y\"\n\\\tz\u0001é"}"#]);
        let latin1 = rows(b"a\ncaf\xe9\n", CSV).unwrap();
        assert_eq!(latin1, ["{\"a\":\"caf\u{fffd}\"}"]);
    }

    #[test]
    fn a_row_of_another_length_is_sent_as_a_string_and_so_rejected() {
        assert_eq!(csv("n,at\n1\n1,2,3\n1,x\n"), [r#""1""#, r#""1,2,3""#, r#"{"n":1,"at":"x"}"#]);
    }

    #[test]
    fn tabs_separate_and_quotes_are_ordinary_in_tsv() {
        assert_eq!(
            rows(b"at\tn\n\"a\t5\nb \"c\"\t\n", TSV).unwrap(),
            [r#"{"at":"\"a","n":5}"#, r#"{"at":"b \"c\"","n":null}"#]
        );
    }

    #[test]
    fn a_header_that_cannot_name_columns_is_refused() {
        let error = |text: &[u8]| format!("{:#}", rows(text, CSV).unwrap_err());
        assert_eq!(error(b"a,b,a\n"), "two columns are named `a`");
        assert_eq!(error(b"a,\n"), "column 2 has no name in the header");
        assert_eq!(error(b""), "there is no header to name the columns");
        let both = error(b"device.os,device\n");
        assert_eq!(both, "column `device` is both a value and has parts of its own");
        assert!(error(b"a,\xff\n").contains("column 2 is not UTF-8"));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_name() {
        assert_eq!(csv("\u{feff}n\n1\n"), [r#"{"n":1}"#]);
    }
}
