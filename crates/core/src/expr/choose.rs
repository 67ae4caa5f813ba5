//! CASE, COALESCE and NULLIF: which of several values a row takes.
//!
//! All candidates are computed for all rows, which is safe because expressions are total; then
//! each row is given the number of the candidate it takes, and one pass picks the values.

use super::lift::{Arg, Values, by_type, map2_nullable};
use crate::column::{Column, Data};

/// The result of the first condition that is true, or else the last of `results`, which are one
/// more than the conditions.
pub(super) fn case<'a>(
    conditions: &[Arg<'_, 'a>],
    results: &[Arg<'_, 'a>],
    rows: usize,
) -> Column<'a> {
    assert_eq!(results.len(), conditions.len() + 1, "every condition has a result, and ELSE");
    let mut choice = vec![conditions.len(); rows];
    // From the last condition to the first, so that the first that is true has the last word. A
    // condition that is NULL holds false in its slot.
    for (branch, condition) in conditions.iter().enumerate().rev() {
        overwrite(&mut choice, condition.booleans().slots(), branch);
    }
    pick(&choice, results)
}

/// The first of `args` that is not NULL.
pub(super) fn coalesce<'a>(args: &[Arg<'_, 'a>], rows: usize) -> Column<'a> {
    let last = args.len() - 1;
    let mut choice = vec![last; rows];
    for (i, arg) in args[..last].iter().enumerate().rev() {
        overwrite(&mut choice, arg.column.valid.as_deref().unwrap_or(&[true]), i);
    }
    pick(&choice, args)
}

/// NULL where `x` equals `y`, else `x`.
pub(super) fn null_if<'a>(x: &Arg<'_, 'a>, y: &Arg<'_, 'a>) -> Column<'a> {
    by_type!(x.ty, values, wrap => {
        map2_nullable(values(x), values(y), wrap, |x, y| x.filter(|_| x != y))
    })
}

/// Sets `choice` to `candidate` where `flags` (one for all rows, or one per row) is true.
fn overwrite(choice: &mut [usize], flags: &[bool], candidate: usize) {
    match flags {
        [true] => choice.fill(candidate),
        [false] => {}
        flags => {
            assert_eq!(choice.len(), flags.len(), "columns of one batch");
            for (choice, &flag) in choice.iter_mut().zip(flags) {
                *choice = if flag { candidate } else { *choice };
            }
        }
    }
}

/// Row `i` of candidate `choice[i]`, for every `i`.
fn pick<'a>(choice: &[usize], candidates: &[Arg<'_, 'a>]) -> Column<'a> {
    by_type!(candidates[0].ty, values, wrap => {
        let candidates: Vec<_> = candidates.iter().map(values).collect();
        pick_values(choice, &candidates, wrap)
    })
}

fn pick_values<'a, T: Copy>(
    choice: &[usize],
    candidates: &[Values<'_, T>],
    wrap: impl Fn(Vec<T>) -> Data<'a>,
) -> Column<'a> {
    let picked = || choice.iter().enumerate().map(|(row, &choice)| (candidates[choice], row));
    let values = picked().map(|(candidate, row)| candidate.slot(row)).collect();
    let valid: Option<Vec<bool>> = candidates
        .iter()
        .any(|candidate| candidate.valid().is_some())
        .then(|| picked().map(|(candidate, row)| candidate.is_valid(row)).collect());
    Column { data: wrap(values), valid: valid.filter(|valid| valid.contains(&false)) }
}
