//! Functions of VARCHAR. Positions and lengths count code points.

use super::lift::{Arg, Values, map1, map2, try_map3};
use crate::column::{Column, Data};
use bumpalo::Bump;
use bumpalo::collections::String as ArenaString;
use memchr::memmem;

/// `lower(s)`: code point by code point, as in Trino, and so without regard to what stands around.
pub(super) fn lower<'a>(s: &Arg<'_, 'a>, arena: &'a Bump) -> Column<'a> {
    // Only İ has more than one code point in lower case; the first is its simple mapping.
    let lower_char = |c: char| c.to_lowercase().next().unwrap_or(c);
    map1(s.texts(), Data::Varchar, |s| {
        map_case(s, arena, u8::is_ascii_uppercase, str::make_ascii_lowercase, lower_char)
    })
}

/// `upper(s)`: code point by code point; one that has no single upper case, such as ß, stays.
pub(super) fn upper<'a>(s: &Arg<'_, 'a>, arena: &'a Bump) -> Column<'a> {
    let upper_char = |c: char| {
        let mut upper = c.to_uppercase();
        if upper.len() == 1 { upper.next().unwrap_or(c) } else { c }
    };
    map1(s.texts(), Data::Varchar, |s| {
        map_case(s, arena, u8::is_ascii_lowercase, str::make_ascii_uppercase, upper_char)
    })
}

fn map_case<'a>(
    s: &'a str,
    arena: &'a Bump,
    changes: impl Fn(&u8) -> bool,
    map_ascii: impl Fn(&mut str),
    map_char: impl Fn(char) -> char,
) -> &'a str {
    if !s.is_ascii() {
        return ArenaString::from_iter_in(s.chars().map(map_char), arena).into_bump_str();
    }
    if !s.bytes().any(|byte| changes(&byte)) {
        return s;
    }
    let copy = arena.alloc_str(s);
    map_ascii(copy);
    copy
}

/// `trim(s)`: without white space at either end.
pub(super) fn trim<'a>(s: &Arg<'_, 'a>) -> Column<'a> {
    map1(s.texts(), Data::Varchar, |s| s.trim_matches(is_space))
}

/// `ltrim(s)`: without white space in front.
pub(super) fn ltrim<'a>(s: &Arg<'_, 'a>) -> Column<'a> {
    map1(s.texts(), Data::Varchar, |s| s.trim_start_matches(is_space))
}

/// `rtrim(s)`: without white space at the end.
pub(super) fn rtrim<'a>(s: &Arg<'_, 'a>) -> Column<'a> {
    map1(s.texts(), Data::Varchar, |s| s.trim_end_matches(is_space))
}

/// What Trino (and Java) trims: Unicode white space but for what does not break a line, and the
/// four ASCII separators.
fn is_space(c: char) -> bool {
    match c {
        '\u{1c}'..='\u{1f}' => true,
        '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}' => false,
        c => c.is_whitespace(),
    }
}

/// `length(s)`
pub(super) fn length<'a>(s: &Arg<'_, 'a>) -> Column<'a> {
    map1(s.texts(), Data::BigInt, code_points)
}

fn code_points(s: &str) -> i64 {
    s.chars().count() as i64
}

/// `substr(s, start)`: from code point `start` on; see [`substr_length`].
pub(super) fn substr<'a>(s: &Arg<'_, 'a>, start: &Arg<'_, 'a>) -> Column<'a> {
    map2(s.texts(), start.bigints(), Data::Varchar, substr_from)
}

/// `substr(s, start, length)`: up to `length` code points from the 1-based `start`, which counts
/// from the end where it is negative. Empty if that lies outside, or `length` is not above zero.
pub(super) fn substr_length<'a>(
    s: &Arg<'_, 'a>,
    start: &Arg<'_, 'a>,
    length: &Arg<'_, 'a>,
) -> Column<'a> {
    try_map3(s.texts(), start.bigints(), length.bigints(), Data::Varchar, |s, start, length| {
        let tail = substr_from(s, start);
        Some(&tail[..offset(tail, length.max(0)).unwrap_or(tail.len())])
    })
}

fn substr_from(s: &str, start: i64) -> &str {
    let skipped = match start {
        0 => return "",
        1.. => start - 1,
        _ => code_points(s).saturating_add(start),
    };
    offset(s, skipped).map_or("", |offset| &s[offset..])
}

/// The byte at which code point `index` starts (or the text ends, after the last one).
fn offset(s: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    if s.is_ascii() {
        return (index <= s.len()).then_some(index);
    }
    s.char_indices().map(|(offset, _)| offset).chain([s.len()]).nth(index)
}

/// `concat(a, b, …)`, `a || b`; NULL if one is NULL.
pub(super) fn concat<'a>(args: &[Arg<'_, 'a>], arena: &'a Bump) -> Column<'a> {
    let parts: Vec<Values<'_, &str>> = args.iter().map(Arg::texts).collect();
    let rows = parts.iter().map(|part| part.slots().len()).find(|&length| length != 1).unwrap_or(1);
    let join = |row: usize| {
        let length = parts.iter().map(|part| part.slot(row).len()).sum();
        let mut joined = ArenaString::with_capacity_in(length, arena);
        parts.iter().for_each(|part| joined.push_str(part.slot(row)));
        joined.into_bump_str()
    };
    let valid: Vec<bool> =
        (0..rows).map(|row| parts.iter().all(|part| part.is_valid(row))).collect();
    let values =
        valid.iter().enumerate().map(|(row, &valid)| if valid { join(row) } else { "" }).collect();
    Column { data: Data::Varchar(values), valid: valid.contains(&false).then_some(valid) }
}

/// `split_part(s, delimiter, index)`: the 1-based part; NULL past the last one and below the first.
/// An empty delimiter parts all code points.
pub(super) fn split_part<'a>(
    s: &Arg<'_, 'a>,
    delimiter: &Arg<'_, 'a>,
    index: &Arg<'_, 'a>,
) -> Column<'a> {
    try_map3(s.texts(), delimiter.texts(), index.bigints(), Data::Varchar, |s, delimiter, index| {
        let index = usize::try_from(index).ok()?.checked_sub(1)?;
        if delimiter.is_empty() {
            let (start, c) = s.char_indices().nth(index)?;
            return Some(&s[start..start + c.len_utf8()]);
        }
        s.split(delimiter).nth(index)
    })
}

/// `replace(s, search, replacement)`: each occurrence, from the left. An empty `search` occurs
/// before every code point and at the end.
pub(super) fn replace<'a>(
    s: &Arg<'_, 'a>,
    search: &Arg<'_, 'a>,
    replacement: &Arg<'_, 'a>,
    arena: &'a Bump,
) -> Column<'a> {
    try_map3(s.texts(), search.texts(), replacement.texts(), Data::Varchar, |s, search, with| {
        Some(replace_in(s, search, with, arena))
    })
}

fn replace_in<'a>(s: &'a str, search: &str, with: &str, arena: &'a Bump) -> &'a str {
    let mut matches = s.match_indices(search).peekable();
    if matches.peek().is_none() {
        return s;
    }
    let mut replaced = ArenaString::with_capacity_in(s.len(), arena);
    let mut copied = 0;
    for (start, found) in matches {
        replaced.push_str(&s[copied..start]);
        replaced.push_str(with);
        copied = start + found.len();
    }
    replaced.push_str(&s[copied..]);
    replaced.into_bump_str()
}

/// `starts_with(s, prefix)`
pub(super) fn starts_with<'a>(s: &Arg<'_, 'a>, prefix: &Arg<'_, 'a>) -> Column<'a> {
    map2(s.texts(), prefix.texts(), Data::Boolean, |s, prefix| s.starts_with(prefix))
}

/// `strpos(s, sub)`: where `sub` first occurs, 1-based; 0 if it does not.
pub(super) fn strpos<'a>(s: &Arg<'_, 'a>, sub: &Arg<'_, 'a>) -> Column<'a> {
    map2(s.texts(), sub.texts(), Data::BigInt, |s, sub| {
        memmem::find(s.as_bytes(), sub.as_bytes()).map_or(0, |offset| code_points(&s[..offset]) + 1)
    })
}
