//! Functions of single values, lifted over columns.
//!
//! Every operator of the language is a small function of single values. How such a function runs
//! over a batch is said here, once: its arguments' NULLs are combined, and constants are not
//! spread out. **A column of one value stands for that value in every row**, so a comparison with
//! a literal is a loop over one slice, and a function of constants is computed once per batch.
//!
//! Three families differ in how they treat NULL:
//!
//! | helper | the function sees | the result is NULL where |
//! |---|---|---|
//! | `map1`, `map2`, `map3` | values | an argument is |
//! | `try_map1`, … | values | an argument is, or the function says `None` |
//! | `map2_nullable` | `Option`s | the function says `None` |
//!
//! The first two also call the function on the default value that fills the slot of a NULL and
//! drop the result: that keeps the loops free of branches, and every function here is total.
//! What they return keeps the promise of [`Data`]: the slot of a NULL holds the type's default.

use crate::column::{Column, Data};
use crate::types::Type;
use std::borrow::Cow;

/// An argument of a function: a value for every row, or one value for all of them.
#[derive(Debug, Clone)]
pub(super) struct Arg<'c, 'a> {
    /// The type that the binder found.
    pub(super) ty: Type,
    /// The values; borrowed where the argument is just a column.
    pub(super) column: Cow<'c, Column<'a>>,
}

/// The values of an [`Arg`] whose type is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'v, T> {
    values: &'v [T],
    valid: Option<&'v [bool]>,
}

/// Runs `$body` with `$values` reading an [`Arg`] of type `$ty` and `$wrap` making its [`Data`].
macro_rules! by_type {
    ($ty:expr, $values:ident, $wrap:ident => $body:expr) => {
        $crate::expr::lift::by_type!(@match $ty, $values, $wrap, $body,
            Boolean booleans, BigInt bigints, Double doubles, Decimal decimals, Varchar texts,
            Timestamp timestamps)
    };
    (@match $ty:expr, $values:ident, $wrap:ident, $body:expr, $($kind:ident $read:ident),*) => {
        match $ty {
            $($crate::types::Type::$kind { .. } => {
                let ($values, $wrap) =
                    ($crate::expr::lift::Arg::$read, $crate::column::Data::$kind);
                $body
            })*
            $crate::types::Type::FrequentItems => {
                panic!("no function takes FREQUENT_ITEMS: the binder refuses it")
            }
        }
    };
}
pub(super) use by_type;

impl<'a> Arg<'_, 'a> {
    pub(super) fn booleans(&self) -> Values<'_, bool> {
        let Data::Boolean(values) = &self.column.data else { self.is_not("BOOLEAN") };
        self.values(values)
    }

    pub(super) fn bigints(&self) -> Values<'_, i64> {
        let Data::BigInt(values) = &self.column.data else { self.is_not("BIGINT") };
        self.values(values)
    }

    pub(super) fn doubles(&self) -> Values<'_, f64> {
        let Data::Double(values) = &self.column.data else { self.is_not("DOUBLE") };
        self.values(values)
    }

    /// The unscaled values.
    pub(super) fn decimals(&self) -> Values<'_, i128> {
        let Data::Decimal(values) = &self.column.data else { self.is_not("DECIMAL") };
        self.values(values)
    }

    pub(super) fn texts(&self) -> Values<'_, &'a str> {
        let Data::Varchar(values) = &self.column.data else { self.is_not("VARCHAR") };
        self.values(values)
    }

    /// Microseconds since the Unix epoch.
    pub(super) fn timestamps(&self) -> Values<'_, i64> {
        let Data::Timestamp(values) = &self.column.data else { self.is_not("TIMESTAMP") };
        self.values(values)
    }

    fn values<'v, T>(&'v self, values: &'v [T]) -> Values<'v, T> {
        Values { values, valid: self.column.valid.as_deref() }
    }

    fn is_not(&self, expected: &str) -> ! {
        panic!("an argument is {} and not {expected}, which the binder rules out", self.ty)
    }
}

impl<'v, T: Copy> Values<'v, T> {
    /// One value, or one per row; the slot of a NULL holds the type's default.
    pub(super) fn slots(self) -> &'v [T] {
        self.values
    }

    /// Which slots are not NULL; `None` means all.
    pub(super) fn valid(self) -> Option<&'v [bool]> {
        self.valid
    }

    /// The slot that row `row` sees.
    #[inline]
    pub(super) fn slot(self, row: usize) -> T {
        self.values[if self.values.len() == 1 { 0 } else { row }]
    }

    /// Whether row `row` sees a value.
    #[inline]
    pub(super) fn is_valid(self, row: usize) -> bool {
        self.valid.is_none_or(|valid| valid[if valid.len() == 1 { 0 } else { row }])
    }

    #[inline]
    fn get(self, row: usize) -> Option<T> {
        self.is_valid(row).then(|| self.slot(row))
    }
}

/// The one value of `arg` in each of `rows` rows.
pub(super) fn spread<'a>(arg: &Arg<'_, 'a>, rows: usize) -> Column<'a> {
    assert_eq!(arg.column.len(), 1, "an argument has one value, or one for each of {rows} rows");
    by_type!(arg.ty, values, wrap => {
        let value = values(arg);
        let valid = (!value.is_valid(0)).then(|| vec![false; rows]);
        Column { data: wrap(vec![value.slot(0); rows]), valid }
    })
}

/// `f(x)` for every row.
pub(super) fn map1<'a, X: Copy, R: Copy + Default>(
    x: Values<'_, X>,
    wrap: impl Fn(Vec<R>) -> Data<'a>,
    mut f: impl FnMut(X) -> R,
) -> Column<'a> {
    let mut values: Vec<R> = x.values.iter().map(|&x| f(x)).collect();
    let valid = x.valid.map(<[bool]>::to_vec);
    clear_nulls(&mut values, valid.as_deref());
    Column { data: wrap(values), valid }
}

/// `f(x)` for every row; NULL where that is `None`.
pub(super) fn try_map1<'a, X: Copy, R: Copy + Default>(
    x: Values<'_, X>,
    wrap: impl Fn(Vec<R>) -> Data<'a>,
    mut f: impl FnMut(X) -> Option<R>,
) -> Column<'a> {
    let valid = x.valid.map_or_else(|| vec![true; x.values.len()], <[bool]>::to_vec);
    attempt(x.values.iter().map(|&x| f(x)), valid, wrap)
}

/// `f(x, y)` for every row.
pub(super) fn map2<'a, X: Copy, Y: Copy, R: Copy + Default>(
    x: Values<'_, X>,
    y: Values<'_, Y>,
    wrap: impl Fn(Vec<R>) -> Data<'a>,
    mut f: impl FnMut(X, Y) -> R,
) -> Column<'a> {
    match (x.values, y.values) {
        (_, &[y0]) if y.is_valid(0) => map1(x, wrap, |x| f(x, y0)),
        (&[x0], _) if x.is_valid(0) => map1(y, wrap, |y| f(x0, y)),
        (_, [_]) | ([_], _) => null(wrap),
        (xs, ys) => {
            let mut values: Vec<R> = xs.iter().zip(ys).map(|(&x, &y)| f(x, y)).collect();
            let valid = both_valid(x.valid, y.valid);
            clear_nulls(&mut values, valid.as_deref());
            Column { data: wrap(values), valid }
        }
    }
}

/// `f(x, y)` for every row; NULL where that is `None`.
pub(super) fn try_map2<'a, X: Copy, Y: Copy, R: Copy + Default>(
    x: Values<'_, X>,
    y: Values<'_, Y>,
    wrap: impl Fn(Vec<R>) -> Data<'a>,
    mut f: impl FnMut(X, Y) -> Option<R>,
) -> Column<'a> {
    match (x.values, y.values) {
        (_, &[y0]) if y.is_valid(0) => try_map1(x, wrap, |x| f(x, y0)),
        (&[x0], _) if x.is_valid(0) => try_map1(y, wrap, |y| f(x0, y)),
        (_, [_]) | ([_], _) => null(wrap),
        (xs, ys) => {
            let valid = both_valid(x.valid, y.valid).unwrap_or_else(|| vec![true; xs.len()]);
            attempt(xs.iter().zip(ys).map(|(&x, &y)| f(x, y)), valid, wrap)
        }
    }
}

/// `f(x, y, z)` for every row; NULL where that is `None`.
pub(super) fn try_map3<'a, X: Copy, Y: Copy, Z: Copy, R: Copy + Default>(
    x: Values<'_, X>,
    y: Values<'_, Y>,
    z: Values<'_, Z>,
    wrap: impl Fn(Vec<R>) -> Data<'a>,
    mut f: impl FnMut(X, Y, Z) -> Option<R>,
) -> Column<'a> {
    let rows = common_length([x.values.len(), y.values.len(), z.values.len()]);
    let valid =
        (0..rows).map(|row| x.is_valid(row) && y.is_valid(row) && z.is_valid(row)).collect();
    attempt((0..rows).map(|row| f(x.slot(row), y.slot(row), z.slot(row))), valid, wrap)
}

/// `f(x, y)` for every row, where `f` is told of NULLs and may make one.
pub(super) fn map2_nullable<'a, X: Copy, Y: Copy, R: Copy + Default>(
    x: Values<'_, X>,
    y: Values<'_, Y>,
    wrap: impl Fn(Vec<R>) -> Data<'a>,
    mut f: impl FnMut(Option<X>, Option<Y>) -> Option<R>,
) -> Column<'a> {
    let rows = common_length([x.values.len(), y.values.len()]);
    attempt((0..rows).map(|row| f(x.get(row), y.get(row))), vec![true; rows], wrap)
}

/// How many rows a function of arguments of these lengths has.
///
/// # Panics
/// If two of them are neither equal nor one.
pub(super) fn common_length<const N: usize>(lengths: [usize; N]) -> usize {
    let rows = lengths.into_iter().find(|&length| length != 1).unwrap_or(1);
    assert!(lengths.iter().all(|&length| length == 1 || length == rows), "columns of one batch");
    rows
}

/// The column of `results`; NULL where one is `None` and where `valid` is false already.
fn attempt<'a, R: Copy + Default>(
    results: impl Iterator<Item = Option<R>>,
    mut valid: Vec<bool>,
    wrap: impl Fn(Vec<R>) -> Data<'a>,
) -> Column<'a> {
    let mut values = vec![R::default(); valid.len()];
    for ((result, value), valid) in results.zip(&mut values).zip(&mut valid) {
        *valid &= result.is_some();
        *value = if *valid { result.unwrap_or_default() } else { R::default() };
    }
    Column { data: wrap(values), valid: valid.contains(&false).then_some(valid) }
}

/// NULL in every row.
fn null<'a, R: Default>(wrap: impl Fn(Vec<R>) -> Data<'a>) -> Column<'a> {
    Column { data: wrap(vec![R::default()]), valid: Some(vec![false]) }
}

fn both_valid(x: Option<&[bool]>, y: Option<&[bool]>) -> Option<Vec<bool>> {
    match (x, y) {
        (Some(x), Some(y)) => Some(x.iter().zip(y).map(|(x, y)| x & y).collect()),
        (Some(valid), None) | (None, Some(valid)) => Some(valid.to_vec()),
        (None, None) => None,
    }
}

fn clear_nulls<R: Default>(values: &mut [R], valid: Option<&[bool]>) {
    for (value, valid) in values.iter_mut().zip(valid.unwrap_or_default()) {
        if !valid {
            *value = R::default();
        }
    }
}
