//! Predicates: IS, IN, BETWEEN, LIKE; and the expressions that no view can hold.
//!
//! What can be said with comparison and logic becomes that, so that it is evaluated in one way.
//! Three-valued logic survives the rewriting: `x BETWEEN a AND b` is `x >= a AND x <= b`, and an
//! IN over more than constants is a chain of `=` and OR, in SQL's own definition.

use super::bind::{Binder, Site, Term, boolean};
use super::error::Compiled;
use crate::expr::Pattern;
use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Scalar};
use sqlparser::ast;

impl Binder<'_, '_> {
    pub(super) fn predicate_or_special(
        &mut self,
        written: &ast::Expr,
        site: Site,
    ) -> Compiled<Expr> {
        use ast::Expr as E;
        match written {
            E::IsNull(operand) => self.is_null(operand, site),
            E::IsNotNull(operand) => Ok(not(self.is_null(operand, site)?)),
            E::IsTrue(operand) => Ok(not(self.is_distinct(operand, true, site)?)),
            E::IsNotTrue(operand) => self.is_distinct(operand, true, site),
            E::IsFalse(operand) => Ok(not(self.is_distinct(operand, false, site)?)),
            E::IsNotFalse(operand) => self.is_distinct(operand, false, site),
            E::IsUnknown(operand) => self.is_unknown(operand, site),
            E::IsNotUnknown(operand) => Ok(not(self.is_unknown(operand, site)?)),
            E::IsDistinctFrom(left, right) => {
                self.compare(Scalar::IsDistinctFrom, left, right, site)
            }
            E::IsNotDistinctFrom(left, right) => {
                Ok(not(self.compare(Scalar::IsDistinctFrom, left, right, site)?))
            }
            E::InList { expr, list, negated } => {
                let found = self.in_list(expr, list, site)?;
                Ok(if *negated { not(found) } else { found })
            }
            E::Between { expr, negated, low, high } => {
                let between = self.between(expr, low, high, site)?;
                Ok(if *negated { not(between) } else { between })
            }
            E::Like { negated, any: false, expr, pattern, escape_char } => {
                let like = self.like(expr, pattern, escape_char.as_deref(), site)?;
                Ok(if *negated { not(like) } else { like })
            }
            _ => self.special_syntax(written, site),
        }
    }

    fn is_null(&mut self, operand: &ast::Expr, site: Site) -> Compiled<Expr> {
        let expr = self.typed(operand, site)?;
        if expr.ty == Type::FrequentItems {
            return Err(self.refuse_items(operand));
        }
        Ok(boolean(Scalar::IsNull, vec![expr]))
    }

    fn is_unknown(&mut self, operand: &ast::Expr, site: Site) -> Compiled<Expr> {
        Ok(boolean(Scalar::IsNull, vec![self.condition(operand, site)?]))
    }

    fn is_distinct(&mut self, operand: &ast::Expr, from: bool, site: Site) -> Compiled<Expr> {
        let condition = self.condition(operand, site)?;
        let constant = Expr { kind: ExprKind::Literal(Value::Boolean(from)), ty: Type::Boolean };
        Ok(boolean(Scalar::IsDistinctFrom, vec![condition, constant]))
    }

    fn in_list(&mut self, operand: &ast::Expr, list: &[ast::Expr], site: Site) -> Compiled<Expr> {
        let written: Vec<&ast::Expr> = std::iter::once(operand).chain(list).collect();
        let terms: Vec<Compiled<Term>> =
            written.iter().map(|written| self.term(written, site)).collect();
        let terms = terms.into_iter().collect::<Compiled<Vec<Term>>>()?;
        let operands = self.align(terms, &written, "the values of IN")?;
        if operands[1..].iter().all(|value| matches!(value.kind, ExprKind::Literal(_))) {
            return Ok(boolean(Scalar::In, operands));
        }
        let mut operands = operands.into_iter();
        let subject = Term::Typed(operands.next().expect("the operand comes first"));
        let mut alternatives = Vec::new();
        for value in operands {
            let Term::Typed(subject) = self.duplicate(&subject, operand)? else {
                unreachable!("a copy has a type like its original")
            };
            alternatives.push(boolean(Scalar::Equal, vec![subject, value]));
        }
        Ok(any(alternatives))
    }

    fn between(
        &mut self,
        operand: &ast::Expr,
        low: &ast::Expr,
        high: &ast::Expr,
        site: Site,
    ) -> Compiled<Expr> {
        let terms = (self.term(operand, site), self.term(low, site), self.term(high, site));
        let (subject, least, most) = (terms.0?, terms.1?, terms.2?);
        let copy = self.duplicate(&subject, operand)?;
        let above = self.compare_terms(Scalar::GreaterOrEqual, subject, least, &[operand, low])?;
        let below = self.compare_terms(Scalar::LessOrEqual, copy, most, &[operand, high])?;
        Ok(boolean(Scalar::And, vec![above, below]))
    }

    fn like(
        &mut self,
        operand: &ast::Expr,
        pattern: &ast::Expr,
        escape: Option<&ast::Expr>,
        site: Site,
    ) -> Compiled<Expr> {
        let subject = self.of_type(operand, site, Type::Varchar, "the operand of LIKE");
        let Some(text) = text_of(pattern) else {
            let help = "write the pattern as a text in single quotes, such as 'a%'";
            return Err(self.refuse(pattern, "the pattern of LIKE is not a constant", help));
        };
        let escape_char = match escape.map(|escape| (escape, text_of(escape))) {
            None => None,
            Some((_, Some(text))) if text.chars().count() == 1 => text.chars().next(),
            Some((escape, _)) => {
                let help = "write one character in single quotes, such as ESCAPE '!'";
                return Err(self.refuse(escape, "the escape of LIKE is not a character", help));
            }
        };
        if let Err(invalid) = Pattern::new(text, escape_char) {
            let help = "write the escape character twice to mean itself";
            return Err(self.refuse(pattern, invalid.to_string(), help));
        }
        let pattern = text.to_owned();
        Ok(boolean(Scalar::Like { pattern, escape: escape_char }, vec![subject?]))
    }
}

pub(super) fn not(condition: Expr) -> Expr {
    boolean(Scalar::Not, vec![condition])
}

/// The OR of conditions, as a tree of little depth.
fn any(mut conditions: Vec<Expr>) -> Expr {
    while conditions.len() > 1 {
        let mut pairs = conditions.into_iter();
        let mut halved = Vec::new();
        while let Some(left) = pairs.next() {
            halved.push(match pairs.next() {
                Some(right) => boolean(Scalar::Or, vec![left, right]),
                None => left,
            });
        }
        conditions = halved;
    }
    conditions.pop().expect("IN has at least one value")
}

/// The value of a text constant.
pub(super) fn text_of(written: &ast::Expr) -> Option<&str> {
    match written {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(text) | ast::Value::UnicodeStringLiteral(text) => {
                Some(text)
            }
            _ => None,
        },
        ast::Expr::Nested(inner) => text_of(inner),
        _ => None,
    }
}
