//! The functions of texts, as vectors of characters; LIKE backtracks.

use super::{int, string};
use crate::types::Value;
use crate::view::Scalar;

/// A function whose first argument is a text; `None` is NULL.
pub(super) fn text(function: &Scalar, args: &[Value]) -> Option<Value> {
    use Scalar::*;
    let s: Vec<char> = string(&args[0]).chars().collect();
    let other = |i: usize| string(&args[i]).chars().collect::<Vec<char>>();
    let found =
        |needle: &[char], from: usize| (from..=s.len()).find(|&i| s[i..].starts_with(needle));
    let characters: Vec<char> = match function {
        Length => return Some(Value::BigInt(s.len() as i64)),
        Strpos => {
            let position = found(&other(1), 0).map_or(0, |i| i + 1);
            return Some(Value::BigInt(position as i64));
        }
        StartsWith => return Some(Value::Boolean(s.starts_with(&other(1)))),
        Like { pattern, escape } => {
            let pattern = tokens(&pattern.chars().collect::<Vec<_>>(), *escape)?;
            return Some(Value::Boolean(is_like(&s, &pattern)));
        }
        Lower => s.iter().map(|c| c.to_string().to_lowercase().chars().next().unwrap()).collect(),
        Upper => s
            .iter()
            .flat_map(|c| {
                let upper = c.to_string().to_uppercase();
                if upper.chars().count() == 1 { upper.chars().next() } else { Some(*c) }
            })
            .collect(),
        Trim | Ltrim | Rtrim => {
            let is_space =
                |c: &char| "\t\n\u{b}\u{c}\r\u{1c}\u{1d}\u{1e}\u{1f} \u{2003}".contains(*c);
            let kept = |i: &usize| !is_space(&s[*i]);
            let first = (0..s.len()).find(kept).unwrap_or(s.len());
            let last = (0..s.len()).rfind(kept).map_or(0, |last| last + 1);
            match function {
                Trim => s.get(first..last).unwrap_or(&[]).to_vec(),
                Ltrim => s[first..].to_vec(),
                _ => s[..last].to_vec(),
            }
        }
        Substr => {
            let (start, count) = (int(&args[1]), s.len() as i128);
            let length = args.get(2).map_or(count, int);
            let first = if start < 0 { count + start } else { start - 1 };
            if start == 0 || first < 0 {
                return Some(Value::Varchar(String::new()));
            }
            (0..count)
                .filter(|&i| i >= first && i < first + length)
                .map(|i| s[i as usize])
                .collect()
        }
        Concat => args.iter().flat_map(|arg| string(arg).chars()).collect(),
        SplitPart => {
            let (delimiter, index) = (other(1), int(&args[2]));
            let mut parts = vec![vec![]];
            let mut i = 0;
            while i < s.len() {
                if !delimiter.is_empty() && s[i..].starts_with(&delimiter) {
                    parts.push(vec![]);
                    i += delimiter.len();
                } else {
                    parts.last_mut()?.push(s[i]);
                    i += 1;
                }
            }
            if delimiter.is_empty() {
                parts = s.iter().map(|c| vec![*c]).collect();
            }
            parts.get(usize::try_from(index - 1).ok()?)?.clone()
        }
        Replace => {
            let (search, with) = (other(1), other(2));
            let mut result = vec![];
            let mut i = 0;
            while i < s.len() {
                if s[i..].starts_with(&search) {
                    result.extend(&with);
                    i += search.len();
                }
                if search.is_empty() || !s[i.min(s.len())..].starts_with(&search) {
                    result.extend(s.get(i));
                    i += 1;
                }
            }
            if search.is_empty() {
                result.extend(&with);
            }
            result
        }
        other => panic!("{other:?} of VARCHAR"),
    };
    Some(Value::Varchar(characters.into_iter().collect()))
}

/// What a character of a LIKE pattern matches.
#[derive(Clone, Copy)]
enum Token {
    One(char),
    AnyOne,
    AnyMany,
}

fn tokens(pattern: &[char], escape: Option<char>) -> Option<Vec<Token>> {
    let (first, rest) = match pattern {
        [] => return Some(vec![]),
        [c, next, rest @ ..] if Some(*c) == escape => {
            if !['%', '_', *c].contains(next) {
                return None;
            }
            (Token::One(*next), rest)
        }
        [c] if Some(*c) == escape => return None,
        ['%', rest @ ..] => (Token::AnyMany, rest),
        ['_', rest @ ..] => (Token::AnyOne, rest),
        [c, rest @ ..] => (Token::One(*c), rest),
    };
    let mut all = tokens(rest, escape)?;
    all.insert(0, first);
    Some(all)
}

fn is_like(s: &[char], pattern: &[Token]) -> bool {
    match (pattern, s) {
        ([], _) => s.is_empty(),
        ([Token::AnyMany, rest @ ..], _) => (0..=s.len()).any(|i| is_like(&s[i..], rest)),
        (_, []) => false,
        ([Token::AnyOne, rest @ ..], [_, tail @ ..]) => is_like(tail, rest),
        ([Token::One(c), rest @ ..], [head, tail @ ..]) => c == head && is_like(tail, rest),
    }
}
