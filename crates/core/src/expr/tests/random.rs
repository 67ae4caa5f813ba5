//! Random expressions over random columns, against the naive interpreter.
//!
//! Everything is drawn from a tape of numbers. A tape that has run out gives zeros, and a zero
//! always chooses the simplest thing there is, so proptest shrinks a failure by shortening tapes.

use super::build::{self, *};
use super::reference;
use crate::column::{Column, Data};
use crate::expr::{castable, evaluate, select, select_among};
use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Scalar, Scalar::*, Width};
use bumpalo::Bump;
use proptest::prelude::*;

const TYPES: [Type; 9] = [
    Boolean,
    BigInt,
    Double,
    Varchar,
    MILLIS,
    MICROS,
    Type::Decimal { precision: 5, scale: 2 },
    Type::Decimal { precision: 20, scale: 4 },
    Type::Decimal { precision: 38, scale: 10 },
];

/// Each type has this many columns, side by side.
const COLUMNS_PER_TYPE: usize = 2;

struct Tape<'t> {
    numbers: std::slice::Iter<'t, u32>,
}

impl Tape<'_> {
    fn next(&mut self) -> u32 {
        self.numbers.next().copied().unwrap_or(0)
    }

    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn wide(&mut self) -> i128 {
        (0..4).fold(0, |wide, _| (wide << 32) | i128::from(self.next()))
    }

    fn value(&mut self, ty: Type) -> Value {
        match ty {
            Type::Boolean => Value::Boolean(self.below(2) == 1),
            Type::BigInt => Value::BigInt(match self.below(4) {
                0 => self.below(7) as i64 - 3,
                1 => self.below(2000) as i64 - 1000,
                2 => self.pick(&[i64::MIN, i64::MAX, i64::MIN + 1, 1 << 53, 3_037_000_500]),
                _ => self.wide() as i64,
            }),
            Type::Double => Value::Double(
                match self.below(4) {
                    0 => self.below(13) as f64 / 2.0 - 3.0,
                    1 => self.below(200_000) as f64 / 1000.0 - 100.0,
                    2 => {
                        self.pick(&[f64::MAX, f64::MIN_POSITIVE, -1e18, 1e19, 5e-324, 0.285, 1e15])
                    }
                    _ => Some(f64::from_bits(self.wide() as u64))
                        .filter(|x| x.is_finite())
                        .unwrap_or(1.0),
                } + 0.0,
            ),
            Type::Decimal { precision, .. } => {
                let limit = 10_i128.pow(precision.into());
                Value::Decimal(match self.below(4) {
                    0 => (self.below(7) as i128 - 3) % limit,
                    1 => (self.below(20_000) as i128 - 10_000) % limit,
                    2 => self.pick(&[limit - 1, 1 - limit, limit / 2, limit / 10 * 5]),
                    _ => self.wide() % limit,
                })
            }
            Type::Varchar => Value::Varchar(self.text()),
            Type::Timestamp { precision } => {
                let micros = match self.below(4) {
                    0 => self.below(3_000_000) as i64 - 1_500_000,
                    1 => 1_600_000_000_000_000 + self.wide() as i64 % 100_000_000_000_000,
                    2 => self.pick(&[-62_135_596_800_000_000, 253_402_300_799_999_999]),
                    _ => {
                        (self.wide() as i64).rem_euclid(315_537_897_600_000_000)
                            - 62_135_596_800_000_000
                    }
                };
                let unit = 10_i64.pow(6 - u32::from(precision));
                Value::Timestamp(micros.div_euclid(unit) * unit)
            }
            Type::FrequentItems => panic!("no expression has this type"),
        }
    }

    fn text(&mut self) -> String {
        const TEXTS: [&str; 15] = [
            "",
            "true",
            "F",
            "1",
            " 12 ",
            "-1.50",
            "1e3",
            ".5",
            "9223372036854775808",
            "1e",
            "NaN",
            "+7.",
            "2.5E-2",
            "2021-03-04T05:06:07.8915Z",
            "1969-12-31 23:59:59.999999",
        ];
        const CHARS: [char; 14] =
            ['a', 'b', 'A', ' ', '%', '_', '#', 'ñ', '€', '😀', 'ß', 'İ', 'Σ', '\u{2003}'];
        match self.below(4) {
            0 => (0..self.below(4)).map(|_| self.pick(&['a', 'b'])).collect(),
            1 => self.pick(&TEXTS).to_owned(),
            2 => (self.below(20_000) as f64 / 8.0 - 1_000.0).to_string(),
            _ => (0..self.below(12)).map(|_| self.pick(&CHARS)).collect(),
        }
    }

    fn leaf(&mut self, ty: Type) -> Expr {
        let columns = TYPES.iter().position(|other| *other == ty);
        match (self.below(8), columns) {
            (0, _) | (1, None) => literal(ty, self.value(ty)),
            (1, _) => null(ty),
            (_, Some(first)) => col(first * COLUMNS_PER_TYPE + self.below(COLUMNS_PER_TYPE), ty),
            (_, None) => literal(ty, self.value(ty)),
        }
    }

    /// A DECIMAL type of the given scale.
    fn of_scale(&mut self, scale: u8) -> Type {
        decimal(scale.max(1) + self.below(39 - usize::from(scale.max(1))) as u8, scale)
    }

    fn any_decimal(&mut self) -> Type {
        let scale = self.pick(&[2, 0, 4, 10, 38, 19]);
        if self.below(2) == 0 { self.pick(&TYPES[6..]) } else { self.of_scale(scale) }
    }

    fn any_type(&mut self) -> Type {
        self.pick(&TYPES)
    }

    fn expr(&mut self, ty: Type, depth: usize) -> Expr {
        if depth == 0 || self.below(5) == 0 {
            return self.leaf(ty);
        }
        if self.below(4) == 3 {
            return self.general(ty, depth - 1);
        }
        let depth = depth - 1;
        match ty {
            Type::Boolean => self.boolean(depth),
            Type::BigInt => self.bigint(depth),
            Type::Double => self.double(depth),
            Type::Decimal { scale, .. } => self.decimal(ty, scale, depth),
            Type::Varchar => self.varchar(depth),
            Type::Timestamp { .. } => self.timestamp(ty, depth),
            Type::FrequentItems => panic!("no expression has this type"),
        }
    }

    /// What every type has.
    fn general(&mut self, ty: Type, depth: usize) -> Expr {
        let count = 1 + self.below(3);
        match self.below(6) {
            0 => self.calls(Coalesce, ty, ty, count, depth),
            1 => self.calls(NullIf, ty, ty, 2, depth),
            2 => self.calls(Greatest, ty, ty, count, depth),
            3 => self.calls(Least, ty, ty, count, depth),
            4 => {
                let branches =
                    (0..count).map(|_| (self.expr(Boolean, depth), self.expr(ty, depth))).collect();
                let otherwise = (self.below(2) == 1).then(|| Box::new(self.expr(ty, depth)));
                Expr { kind: ExprKind::Case { branches, otherwise }, ty }
            }
            _ => {
                let mut from = self.any_type();
                if !castable(from, ty) {
                    from = ty;
                }
                self.calls(Cast, ty, from, 1, depth)
            }
        }
    }

    fn calls(&mut self, f: Scalar, ty: Type, args: Type, count: usize, depth: usize) -> Expr {
        let args = (0..count).map(|_| self.expr(args, depth)).collect();
        Expr { kind: ExprKind::Call(f, args), ty }
    }

    fn boolean(&mut self, depth: usize) -> Expr {
        let ty = self.any_type();
        let count = 1 + self.below(3);
        match self.below(9) {
            0 => {
                let compare = [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual];
                let compare = self.pick(&compare);
                self.calls(compare, Boolean, ty, 2, depth)
            }
            1 => self.calls(And, Boolean, Boolean, count, depth),
            2 => self.calls(Or, Boolean, Boolean, count, depth),
            3 => self.calls(Not, Boolean, Boolean, 1, depth),
            4 => self.calls(IsNull, Boolean, ty, 1, depth),
            5 => self.calls(IsDistinctFrom, Boolean, ty, 2, depth),
            6 => {
                let mut args = vec![self.expr(ty, depth)];
                for _ in 0..self.below(20) {
                    let null = self.below(12) == 11;
                    args.push(literal(ty, if null { Value::Null } else { self.value(ty) }));
                }
                Expr { kind: ExprKind::Call(In, args), ty: Boolean }
            }
            7 => {
                let pattern = (0..self.below(7))
                    .map(|_| self.pick(&['a', '%', '_', 'b', '#', 'ñ', '€', '😀']))
                    .collect();
                let escape = self.pick(&[None, Some('#'), Some('€')]);
                self.calls(Like { pattern, escape }, Boolean, Varchar, 1, depth)
            }
            _ => self.calls(StartsWith, Boolean, Varchar, 2, depth),
        }
    }

    fn bigint(&mut self, depth: usize) -> Expr {
        match self.below(5) {
            0 => {
                let f = self.pick(&[Add, Subtract, Multiply, Divide, Modulo, Round]);
                self.calls(f, BigInt, BigInt, 2, depth)
            }
            1 => {
                let f = self.pick(&[Negate, Abs, Sign, Ceil, Floor, Round]);
                self.calls(f, BigInt, BigInt, 1, depth)
            }
            2 => self.calls(Length, BigInt, Varchar, 1, depth),
            3 => self.calls(Strpos, BigInt, Varchar, 2, depth),
            _ => {
                let f = self.pick(&[
                    Year,
                    Quarter,
                    Month,
                    Day,
                    DayOfWeek,
                    DayOfYear,
                    Week,
                    Hour,
                    Minute,
                    Second,
                    Millisecond,
                ]);
                let ty = self.pick(&[MILLIS, MICROS]);
                self.calls(f, BigInt, ty, 1, depth)
            }
        }
    }

    fn double(&mut self, depth: usize) -> Expr {
        match self.below(4) {
            0 => {
                let f = self.pick(&[Add, Subtract, Multiply, Divide, Modulo, Power]);
                self.calls(f, Double, Double, 2, depth)
            }
            1 => {
                let f = self.pick(&[Negate, Abs, Sign, Ceil, Floor, Round, Sqrt, Ln, Log10, Exp]);
                self.calls(f, Double, Double, 1, depth)
            }
            2 => {
                let digits = self.below(40) as i64 - 20;
                call(Round, Double, [self.expr(Double, depth), int(digits)])
            }
            _ => {
                let ty = self.pick(&[MILLIS, MICROS]);
                self.calls(ToUnixtime, Double, ty, 1, depth)
            }
        }
    }

    fn decimal(&mut self, ty: Type, scale: u8, depth: usize) -> Expr {
        let from = self.any_decimal();
        match self.below(5) {
            0 => {
                let f = self.pick(&[Add, Subtract, Modulo]);
                let (x, y) = (self.of_scale(scale), self.of_scale(scale));
                call(f, ty, [self.expr(x, depth), self.expr(y, depth)])
            }
            1 => {
                let (f, other) = (self.pick(&[Multiply, Divide]), self.any_decimal());
                call(f, ty, [self.expr(from, depth), self.expr(other, depth)])
            }
            2 => {
                let f = self.pick(&[Negate, Abs]);
                self.calls(f, ty, ty, 1, depth)
            }
            3 => {
                let f = self.pick(&[Ceil, Floor, Sign]);
                self.calls(f, ty, from, 1, depth)
            }
            _ if self.below(2) == 0 => self.calls(Round, ty, ty, 1, depth),
            _ => {
                let digits = self.below(90) as i64 - 45;
                call(Round, ty, [self.expr(ty, depth), int(digits)])
            }
        }
    }

    fn varchar(&mut self, depth: usize) -> Expr {
        let small = |tape: &mut Self| match tape.below(3) {
            0 => int(tape.below(6) as i64),
            1 => int(-(tape.below(6) as i64)),
            _ => tape.expr(BigInt, depth.min(1)),
        };
        match self.below(6) {
            0 => {
                let f = self.pick(&[Trim, Ltrim, Rtrim, Lower, Upper]);
                self.calls(f, Varchar, Varchar, 1, depth)
            }
            1 => call(Substr, Varchar, [self.expr(Varchar, depth), small(self)]),
            2 => call(Substr, Varchar, [self.expr(Varchar, depth), small(self), small(self)]),
            3 => {
                let count = 1 + self.below(3);
                self.calls(Concat, Varchar, Varchar, count, depth)
            }
            4 => {
                let (s, delimiter) = (self.expr(Varchar, depth), self.expr(Varchar, depth));
                call(SplitPart, Varchar, [s, delimiter, small(self)])
            }
            _ => self.calls(Replace, Varchar, Varchar, 3, depth),
        }
    }

    fn timestamp(&mut self, ty: Type, depth: usize) -> Expr {
        match self.below(3) {
            0 if ty == MILLIS => self.calls(FromUnixtime, MILLIS, Double, 1, depth),
            1 => {
                let width = self.pick(&[
                    Width::Fixed { micros: 60_000_000 },
                    Width::Fixed { micros: 7_000_000_000_001 },
                    Width::Week,
                    Width::Month,
                    Width::Quarter,
                    Width::Year,
                ]);
                self.calls(Truncate(width), ty, ty, 1, depth)
            }
            _ => {
                let from = self.pick(&[MILLIS, MICROS, Varchar]);
                self.calls(Cast, ty, from, 1, depth)
            }
        }
    }
}

/// Rows of values for the columns of [`TYPES`], a few of them NULL; one column in four has none.
fn rows(tape: &mut Tape<'_>, count: usize) -> Vec<Vec<Value>> {
    let types = TYPES.iter().flat_map(|ty| [*ty; COLUMNS_PER_TYPE]);
    let columns: Vec<Vec<Value>> = types
        .map(|ty| {
            let nulls = tape.below(4);
            let value = |tape: &mut Tape<'_>| match (nulls, tape.below(5)) {
                (1.., 4) => Value::Null,
                _ => tape.value(ty),
            };
            (0..count).map(|_| value(tape)).collect()
        })
        .collect();
    (0..count).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect()
}

fn columns<'a>(rows: &[Vec<Value>], arena: &'a Bump) -> Vec<Column<'a>> {
    let types = TYPES.iter().flat_map(|ty| [*ty; COLUMNS_PER_TYPE]);
    types
        .enumerate()
        .map(|(id, ty)| {
            let values: Vec<Value> = rows.iter().map(|row| row[id].clone()).collect();
            build::column(ty, &values, arena)
        })
        .collect()
}

/// What [`Data`] promises: the slots of NULLs hold the default, and no DOUBLE is odd.
fn assert_well_formed(column: &Column<'_>, rows: usize) {
    assert_eq!(column.len(), rows);
    assert!(column.valid.as_ref().is_none_or(|valid| valid.len() == rows));
    for row in (0..rows).filter(|&row| !column.is_valid(row)) {
        let is_default = match &column.data {
            Data::Boolean(v) => !v[row],
            Data::BigInt(v) | Data::Timestamp(v) => v[row] == 0,
            Data::Double(v) => v[row] == 0.0,
            Data::Decimal(v) => v[row] == 0,
            Data::Varchar(v) => v[row].is_empty(),
            other => panic!("an expression has the value {other:?}"),
        };
        assert!(is_default, "the slot of a NULL holds {:?}", column.data);
    }
    if let Data::Double(v) = &column.data {
        assert!(v.iter().all(|x| x.is_finite() && !(*x == 0.0 && x.is_sign_negative())));
    }
}

fn tape() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(any::<u32>(), 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn an_expression_has_the_value_that_its_rows_have_one_by_one(
        ty in proptest::sample::select(&TYPES[..]), shape in tape(), data in tape(), count in 0..6_usize,
    ) {
        let expr = Tape { numbers: shape.iter() }.expr(ty, 4);
        let rows = rows(&mut Tape { numbers: data.iter() }, count);
        let arena = Bump::new();
        let columns = columns(&rows, &arena);
        let result = evaluate(&expr, &columns, count, &arena);
        assert_well_formed(&result, count);
        for (i, row) in rows.iter().enumerate() {
            prop_assert_eq!(result.value(i), reference::value(&expr, row), "{:?} of {:?}", expr, row);
        }
    }

    #[test]
    fn a_filter_selects_the_rows_where_it_is_true(
        shape in tape(), data in tape(), count in 0..40_usize, within in tape(),
    ) {
        let filter = Tape { numbers: shape.iter() }.expr(Boolean, 4);
        let rows = rows(&mut Tape { numbers: data.iter() }, count);
        let arena = Bump::new();
        let columns = columns(&rows, &arena);
        let is_true = |row: &u32| {
            reference::value(&filter, &rows[*row as usize]) == Value::Boolean(true)
        };
        let all: Vec<u32> = (0..count as u32).filter(is_true).collect();
        prop_assert_eq!(select(&filter, &columns, count, &arena), all, "{:?} of {:?}", filter, rows);
        // Mostly few rows, so that both ways of narrowing are taken.
        let within: Vec<u32> =
            (0..count as u32).filter(|row| within.get(*row as usize).is_some_and(|n| n % 5 < 2)).collect();
        let among: Vec<u32> = within.iter().copied().filter(is_true).collect();
        prop_assert_eq!(select_among(&filter, &columns, count, &within, &arena), among);
    }
}
