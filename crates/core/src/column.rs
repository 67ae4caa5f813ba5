//! A batch of values of one type: what the decoder fills, expressions map, and aggregates consume.
//!
//! Work is done column by column over batches of about a thousand events, so that the cost of
//! choosing what to do is paid once per batch and not once per event.

use crate::types::{FrequentItem, Type, Value};

/// Values of one type. Where a value is NULL its slot holds the type's default.
#[derive(Debug, Clone, PartialEq)]
pub enum Data<'a> {
    /// BOOLEAN
    Boolean(Vec<bool>),
    /// BIGINT
    BigInt(Vec<i64>),
    /// DOUBLE
    Double(Vec<f64>),
    /// DECIMAL, unscaled
    Decimal(Vec<i128>),
    /// VARCHAR, borrowed from the payload, an arena or a stored batch
    Varchar(Vec<&'a str>),
    /// TIMESTAMP, microseconds since the Unix epoch
    Timestamp(Vec<i64>),
    /// An encoded aggregate state; never the type of an expression.
    Binary(Vec<std::borrow::Cow<'a, [u8]>>),
    /// Presented frequent items; never the type of an expression.
    FrequentItems(Vec<Vec<FrequentItem>>),
}

/// Values and which of them are there.
#[derive(Debug, Clone, PartialEq)]
pub struct Column<'a> {
    /// The values.
    pub data: Data<'a>,
    /// `valid[i]` is false where value `i` is NULL; `None` means that none is.
    pub valid: Option<Vec<bool>>,
}

impl Data<'_> {
    /// How many values there are, NULLs included.
    pub fn len(&self) -> usize {
        match self {
            Data::Boolean(v) => v.len(),
            Data::BigInt(v) | Data::Timestamp(v) => v.len(),
            Data::Double(v) => v.len(),
            Data::Decimal(v) => v.len(),
            Data::Varchar(v) => v.len(),
            Data::Binary(v) => v.len(),
            Data::FrequentItems(v) => v.len(),
        }
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Column<'a> {
    /// A column without NULLs.
    pub fn new(data: Data<'a>) -> Self {
        Column { data, valid: None }
    }

    /// A column of `length` NULLs of type `ty`.
    pub fn nulls(ty: Type, length: usize) -> Self {
        let data = match ty {
            Type::Boolean => Data::Boolean(vec![false; length]),
            Type::BigInt => Data::BigInt(vec![0; length]),
            Type::Double => Data::Double(vec![0.0; length]),
            Type::Decimal { .. } => Data::Decimal(vec![0; length]),
            Type::Varchar => Data::Varchar(vec![""; length]),
            Type::Timestamp { .. } => Data::Timestamp(vec![0; length]),
            Type::FrequentItems => Data::FrequentItems(vec![Vec::new(); length]),
        };
        Column { data, valid: Some(vec![false; length]) }
    }

    /// How many values there are, NULLs included.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Whether value `i` is there.
    #[inline]
    pub fn is_valid(&self, i: usize) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid[i])
    }

    /// The values at `rows`, in that order. An empty column stays empty.
    pub fn take(&self, rows: &[usize]) -> Column<'a> {
        if self.is_empty() {
            return self.clone();
        }
        fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().map(|&row| values[row].clone()).collect()
        }
        let data = match &self.data {
            Data::Boolean(v) => Data::Boolean(pick(v, rows)),
            Data::BigInt(v) => Data::BigInt(pick(v, rows)),
            Data::Double(v) => Data::Double(pick(v, rows)),
            Data::Decimal(v) => Data::Decimal(pick(v, rows)),
            Data::Varchar(v) => Data::Varchar(pick(v, rows)),
            Data::Timestamp(v) => Data::Timestamp(pick(v, rows)),
            Data::Binary(v) => Data::Binary(pick(v, rows)),
            Data::FrequentItems(v) => Data::FrequentItems(pick(v, rows)),
        };
        Column { data, valid: self.valid.as_ref().map(|valid| pick(valid, rows)) }
    }

    /// Whether values `i` and `j` are plainly the same. Of texts only those that lie in the same
    /// place are, and a `false` says nothing.
    #[inline]
    pub(crate) fn is_plainly_same(&self, i: usize, j: usize) -> bool {
        let same = match &self.data {
            Data::Boolean(v) => v[i] == v[j],
            Data::BigInt(v) | Data::Timestamp(v) => v[i] == v[j],
            Data::Double(v) => v[i].to_bits() == v[j].to_bits(),
            Data::Decimal(v) => v[i] == v[j],
            Data::Varchar(v) => std::ptr::eq(v[i], v[j]),
            Data::Binary(_) | Data::FrequentItems(_) => false,
        };
        same && self.is_valid(i) == self.is_valid(j)
    }

    /// Value `i`, owned. A Binary value has no SQL form.
    ///
    /// # Panics
    /// If `i` is out of range, or the column holds encoded states.
    pub fn value(&self, i: usize) -> Value {
        if !self.is_valid(i) {
            return Value::Null;
        }
        match &self.data {
            Data::Boolean(v) => Value::Boolean(v[i]),
            Data::BigInt(v) => Value::BigInt(v[i]),
            Data::Double(v) => Value::Double(v[i]),
            Data::Decimal(v) => Value::Decimal(v[i]),
            Data::Varchar(v) => Value::Varchar(v[i].to_owned()),
            Data::Timestamp(v) => Value::Timestamp(v[i]),
            Data::FrequentItems(v) => Value::FrequentItems(v[i].clone()),
            Data::Binary(_) => panic!("an encoded state is not a SQL value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [Type; 6] = [
        Type::Boolean,
        Type::BigInt,
        Type::Double,
        Type::Decimal { precision: 38, scale: 0 },
        Type::Varchar,
        Type::Timestamp { precision: 3 },
    ];

    #[test]
    fn a_column_of_nulls_has_as_many_as_asked_for() {
        for ty in TYPES {
            let column = Column::nulls(ty, 3);
            assert_eq!((column.len(), column.is_empty()), (3, false), "{ty}");
            assert!((0..3).all(|i| !column.is_valid(i) && column.value(i) == Value::Null));
            assert!(Column::nulls(ty, 0).is_empty(), "{ty}");
        }
    }

    #[test]
    fn values_are_taken_in_the_order_asked_for() {
        let column = Column {
            data: Data::Varchar(vec!["a", "", "c"]),
            valid: Some(vec![true, false, true]),
        };
        let taken = column.take(&[2, 1, 2, 0]);
        let values: Vec<Value> = (0..taken.len()).map(|i| taken.value(i)).collect();
        let text = |text: &str| Value::Varchar(text.to_owned());
        assert_eq!(values, [text("c"), Value::Null, text("c"), text("a")]);
        let whole = Column::new(Data::BigInt(vec![5, 6]));
        assert_eq!(whole.take(&[1]), Column::new(Data::BigInt(vec![6])));
        assert!(whole.is_valid(1));
        assert_eq!(whole.take(&[]), Column::new(Data::BigInt(vec![])));
    }

    #[test]
    fn a_column_that_was_not_read_stays_empty() {
        // Rows of other columns are chosen from one that a selection left out.
        let unread = Column::new(Data::Double(Vec::new()));
        assert_eq!(unread.take(&[0, 7]), unread);
    }
}
