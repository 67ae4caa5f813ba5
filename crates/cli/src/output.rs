//! Tabular output: the same rows as a table for people, or as JSON or CSV for programs.

use serde_json::Value;
use std::io::{self, Write};
use unicode_width::UnicodeWidthStr;

/// How to print rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// One array of objects
    Json,
    /// Comma-separated, with a header
    Csv,
}

/// One value of a row, as it will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Nothing.
    Null,
    /// Text, which is quoted where the format quotes.
    Text(String),
    /// A number, a boolean, a list or an object, as JSON writes it: every digit stays.
    Literal(String),
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Cell::Null,
            Value::String(text) => Cell::Text(text),
            value => Cell::Literal(value.to_string()),
        }
    }
}

impl Cell {
    /// As it is shown: text without quotes, NULL as nothing.
    fn text(&self) -> &str {
        match self {
            Cell::Null => "",
            Cell::Text(text) | Cell::Literal(text) => text,
        }
    }

    fn is_number(&self) -> bool {
        match self {
            Cell::Literal(text) => text.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
            Cell::Null | Cell::Text(_) => false,
        }
    }
}

/// Rows under named columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Grid {
    /// No rows yet.
    pub(crate) fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Grid { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row: one value for each column.
    pub(crate) fn push(&mut self, row: Vec<impl Into<Cell>>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints to standard output.
    pub(crate) fn print(&self, format: Format) -> io::Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        self.write(format, &mut out)?;
        out.flush()
    }

    /// Prints to `out`.
    pub(crate) fn write(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        match format {
            Format::Table => self.write_table(out),
            Format::Json => self.write_json(out),
            Format::Csv => self.write_csv(out),
        }
    }

    fn write_table(&self, out: &mut impl Write) -> io::Result<()> {
        let cells: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| printable(cell.text())).collect())
            .collect();
        let columns: Vec<(usize, bool)> = (0..self.columns.len())
            .map(|at| {
                let widths = cells.iter().map(|row| row[at].width());
                let width = widths.max().unwrap_or(0).max(self.columns[at].width());
                (width, self.is_numeric(at))
            })
            .collect();
        write_line(out, &self.columns, &columns)?;
        let rule: Vec<String> = columns.iter().map(|(width, _)| "-".repeat(*width)).collect();
        write_line(out, &rule, &columns)?;
        cells.iter().try_for_each(|row| write_line(out, row, &columns))
    }

    /// Whether a column holds numbers and nothing else, NULLs aside.
    fn is_numeric(&self, at: usize) -> bool {
        let mut cells = self.rows.iter().map(|row| &row[at]).filter(|cell| **cell != Cell::Null);
        let first = cells.next();
        first.is_some_and(Cell::is_number) && cells.all(Cell::is_number)
    }

    /// An object per line, so that the output is an array to a parser and rows to `grep`.
    fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(b"[")?;
        for (number, row) in self.rows.iter().enumerate() {
            out.write_all(if number == 0 { b"\n{" } else { b",\n{" })?;
            for (at, (name, cell)) in self.columns.iter().zip(row).enumerate() {
                let comma = if at == 0 { "" } else { "," };
                write!(out, "{comma}{}:", Value::from(name.as_str()))?;
                match cell {
                    Cell::Null => out.write_all(b"null")?,
                    Cell::Text(text) => write!(out, "{}", Value::from(text.as_str()))?,
                    Cell::Literal(text) => out.write_all(text.as_bytes())?,
                }
            }
            out.write_all(b"}")?;
        }
        out.write_all(if self.is_empty() { b"]\n" } else { b"\n]\n" })
    }

    fn write_csv(&self, out: &mut impl Write) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(&self.columns)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(Cell::text))?;
        }
        writer.flush()
    }
}

/// Text that keeps to its line and cannot drive the terminal.
fn printable(text: &str) -> String {
    let escape =
        |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}

fn write_line(out: &mut impl Write, cells: &[String], columns: &[(usize, bool)]) -> io::Result<()> {
    let mut line = String::new();
    for (cell, (width, numeric)) in cells.iter().zip(columns) {
        let padding = " ".repeat(width - cell.width());
        let (before, after) =
            if *numeric { (padding.as_str(), "") } else { ("", padding.as_str()) };
        line += &format!("{before}{cell}{after}  ");
    }
    writeln!(out, "{}", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(format: Format) -> String {
        let mut grid = Grid::new(["page", "edits", "note"]);
        grid.push(vec![json!("北京"), json!(7), json!("a,b")]);
        grid.push(vec![json!("Ö\u{1b}[0m"), json!(1234), Value::Null]);
        let mut out = Vec::new();
        grid.write(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_aligns_wide_text_and_numbers_and_disarms_control_characters() {
        let expected = "\
page        edits  note
----------  -----  ----
北京            7  a,b
Ö\\u{1b}[0m   1234
";
        assert_eq!(written(Format::Table), expected);
    }

    #[test]
    fn json_and_csv_keep_values_and_the_order_of_columns() {
        let json = written(Format::Json);
        let rows: Vec<Value> = serde_json::from_str(&json).unwrap();
        assert_eq!(rows[0], json!({"page": "北京", "edits": 7, "note": "a,b"}));
        assert!(json.contains(r#"{"page":"#), "{json}");
        let csv = written(Format::Csv);
        assert!(csv.starts_with("page,edits,note\n北京,7,\"a,b\"\n"), "{csv}");
    }

    #[test]
    fn no_rows_are_an_empty_array_or_a_header() {
        let grid = Grid::new(["a"]);
        let mut out = Vec::new();
        grid.write(Format::Json, &mut out).unwrap();
        assert_eq!(out, b"[]\n");
    }
}
