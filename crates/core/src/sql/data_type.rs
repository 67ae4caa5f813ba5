//! Types as written to types as kept, and the rules by which the types of operands meet.
//!
//! The rules are Trino's. The types of a column decide which payloads are accepted, so no type is
//! taken for another one silently: only those that hold the same values share a name.

use crate::expr::decimal::MAX_PRECISION;
use crate::types::Type;
use sqlparser::ast::{DataType, ExactNumberInfo, TimezoneInfo};

/// BIGINT as the DECIMAL that holds it.
pub(super) const BIGINT_AS_DECIMAL: Type = Type::Decimal { precision: 19, scale: 0 };

/// Every type there is, for help.
pub(super) const TYPES: &str = "the types are BOOLEAN, BIGINT, DOUBLE, DECIMAL(precision, scale), \
                                VARCHAR, TIMESTAMP(0, 3 or 6) and STRUCT<name TYPE, …>";

/// Why a type is refused: what is wrong, and what is allowed.
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) help: String,
}

/// The type that a type name stands for.
pub(super) fn compile(written: &DataType) -> Result<Type, Refused> {
    use DataType as D;
    let refused = |help: &str| Refused {
        message: format!("there is no type `{written}`"),
        help: help.to_owned(),
    };
    Ok(match written {
        D::Boolean | D::Bool => Type::Boolean,
        D::BigInt(None)
        | D::Int(None)
        | D::Integer(None)
        | D::SmallInt(None)
        | D::TinyInt(None) => Type::BigInt,
        D::Double(ExactNumberInfo::None)
        | D::DoublePrecision
        | D::Real
        | D::Float(ExactNumberInfo::None) => Type::Double,
        D::Decimal(info) | D::Numeric(info) | D::Dec(info) => decimal(info, written)?,
        D::Varchar(None) | D::Text | D::String(None) | D::CharacterVarying(None) => Type::Varchar,
        D::Timestamp(precision, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            match precision.unwrap_or(3) {
                precision @ (0 | 3 | 6) => Type::Timestamp { precision: precision as u8 },
                _ => {
                    return Err(refused(
                        "write TIMESTAMP(0), TIMESTAMP(3) or TIMESTAMP(6): seconds, milliseconds \
                         or microseconds",
                    ));
                }
            }
        }
        D::Timestamp(..) => {
            return Err(refused(
                "write TIMESTAMP(3): a zone in the text is read, and the instant is kept in UTC",
            ));
        }
        D::Varchar(_) | D::CharacterVarying(_) | D::Char(_) | D::Character(_) | D::String(_) => {
            return Err(refused("write VARCHAR: the length of a text is not limited"));
        }
        D::Date | D::Time(..) | D::Datetime(_) => return Err(refused("write TIMESTAMP(3)")),
        D::Struct(..) => return Err(refused("a STRUCT is only a type of columns of schema.sql")),
        _ => return Err(refused(TYPES)),
    })
}

fn decimal(info: &ExactNumberInfo, written: &DataType) -> Result<Type, Refused> {
    let (precision, scale) = match *info {
        ExactNumberInfo::None => (MAX_PRECISION.into(), 0),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    let narrow = u8::try_from(precision).ok().zip(u8::try_from(scale).ok());
    match narrow {
        Some((precision @ 1..=MAX_PRECISION, scale)) if scale <= precision => {
            Ok(Type::Decimal { precision, scale })
        }
        _ => Err(Refused {
            message: format!("there is no type `{written}`"),
            help: format!(
                "DECIMAL(precision, scale) has 1 to {MAX_PRECISION} digits, and at most as many \
                 after the point"
            ),
        }),
    }
}

/// Whether arithmetic is defined.
pub(super) fn is_numeric(ty: Type) -> bool {
    matches!(ty, Type::BigInt | Type::Double | Type::Decimal { .. })
}

/// The type that holds the values of both, if there is one.
pub(super) fn common(a: Type, b: Type) -> Option<Type> {
    use Type::{BigInt, Decimal, Double, Timestamp};
    Some(match (a, b) {
        _ if a == b => a,
        (Double, BigInt | Decimal { .. }) | (BigInt | Decimal { .. }, Double) => Double,
        (BigInt, Decimal { .. }) => return common(BIGINT_AS_DECIMAL, b),
        (Decimal { .. }, BigInt) => return common(a, BIGINT_AS_DECIMAL),
        (Decimal { precision: p1, scale: s1 }, Decimal { precision: p2, scale: s2 }) => {
            let scale = s1.max(s2);
            let whole = (p1 - s1).max(p2 - s2);
            Decimal { precision: (whole + scale).min(MAX_PRECISION), scale }
        }
        (Timestamp { precision: p1 }, Timestamp { precision: p2 }) => {
            Timestamp { precision: p1.max(p2) }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_meet_as_in_trino() {
        let decimal = |precision, scale| Type::Decimal { precision, scale };
        let timestamp = |precision| Type::Timestamp { precision };
        for (a, b, expected) in [
            (Type::BigInt, Type::BigInt, Some(Type::BigInt)),
            (Type::BigInt, Type::Double, Some(Type::Double)),
            (Type::BigInt, decimal(12, 2), Some(decimal(21, 2))),
            (decimal(12, 2), Type::Double, Some(Type::Double)),
            (decimal(12, 2), decimal(5, 4), Some(decimal(14, 4))),
            (decimal(38, 0), decimal(38, 38), Some(decimal(38, 38))),
            (timestamp(0), timestamp(6), Some(timestamp(6))),
            (Type::Varchar, Type::BigInt, None),
            (Type::Boolean, Type::BigInt, None),
            (Type::Varchar, timestamp(3), None),
        ] {
            assert_eq!(common(a, b), expected, "{a} with {b}");
            assert_eq!(common(b, a), expected, "{b} with {a}");
        }
    }
}
