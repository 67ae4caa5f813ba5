//! Unary and binary operators: arithmetic, comparison, logic and `||`.
//!
//! Result types are Trino's. Arithmetic is exact where the types are, and total: what overflows or
//! divides by zero is NULL, so no operator needs a guard.

use super::bind::{Binder, Site, Term, boolean};
use super::data_type::{BIGINT_AS_DECIMAL, is_numeric};
use super::error::Compiled;
use super::literal;
use crate::expr::decimal::MAX_PRECISION;
use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Scalar};
use sqlparser::ast::{self, BinaryOperator, UnaryOperator};

impl Binder<'_, '_> {
    pub(super) fn unary(
        &mut self,
        written: &ast::Expr,
        operator: UnaryOperator,
        operand: &ast::Expr,
        site: Site,
    ) -> Compiled<Term> {
        match operator {
            UnaryOperator::Not => {
                let condition = self.condition(operand, site)?;
                Ok(Term::Typed(boolean(Scalar::Not, vec![condition])))
            }
            UnaryOperator::Plus | UnaryOperator::Minus => {
                self.sign(written, operator == UnaryOperator::Minus, operand, site)
            }
            _ => Err(self.refuse(
                written,
                "there is no such operator",
                "the prefixes are NOT, - and +",
            )),
        }
    }

    fn sign(
        &mut self,
        written: &ast::Expr,
        negative: bool,
        operand: &ast::Expr,
        site: Site,
    ) -> Compiled<Term> {
        if let ast::Expr::Value(value) = operand
            && let ast::Value::Number(text, false) = &value.value
            && negative
        {
            // With its sign, so that the least BIGINT can be written.
            let constant = literal::number(&format!("-{text}"));
            return self.well_formed(written, constant).map(Term::Typed);
        }
        let Term::Typed(expr) = self.term(operand, site)? else { return Ok(Term::Null) };
        if !is_numeric(expr.ty) {
            let message = format!("{} has no sign", expr.ty);
            return Err(self.refuse(written, message, "BIGINT, DOUBLE and DECIMAL have a sign"));
        }
        Ok(Term::Typed(if negative { negated(expr) } else { expr }))
    }

    pub(super) fn binary(
        &mut self,
        written: &ast::Expr,
        left: &ast::Expr,
        operator: &BinaryOperator,
        right: &ast::Expr,
        site: Site,
    ) -> Compiled<Expr> {
        use BinaryOperator as B;
        let comparison = match operator {
            B::Eq => Scalar::Equal,
            B::NotEq => Scalar::NotEqual,
            B::Lt => Scalar::Less,
            B::LtEq => Scalar::LessOrEqual,
            B::Gt => Scalar::Greater,
            B::GtEq => Scalar::GreaterOrEqual,
            B::And => return self.logic(Scalar::And, left, right, site),
            B::Or => return self.logic(Scalar::Or, left, right, site),
            B::Plus => return self.arithmetic(written, Scalar::Add, left, right, site),
            B::Minus => return self.arithmetic(written, Scalar::Subtract, left, right, site),
            B::Multiply => return self.arithmetic(written, Scalar::Multiply, left, right, site),
            B::Divide => return self.arithmetic(written, Scalar::Divide, left, right, site),
            B::Modulo => return self.arithmetic(written, Scalar::Modulo, left, right, site),
            B::StringConcat => return self.concatenation(left, right, site),
            _ => {
                let help = "the operators are + - * / %, = <> < <= > >=, AND OR NOT, || and the \
                            predicates IN, BETWEEN, LIKE, IS";
                return Err(self.refuse(
                    written,
                    format!("there is no operator `{operator}`"),
                    help,
                ));
            }
        };
        self.compare(comparison, left, right, site)
    }

    pub(super) fn compare(
        &mut self,
        comparison: Scalar,
        left: &ast::Expr,
        right: &ast::Expr,
        site: Site,
    ) -> Compiled<Expr> {
        let terms = (self.term(left, site), self.term(right, site));
        self.compare_terms(comparison, terms.0?, terms.1?, &[left, right])
    }

    pub(super) fn compare_terms(
        &mut self,
        comparison: Scalar,
        left: Term,
        right: Term,
        written: &[&ast::Expr],
    ) -> Compiled<Expr> {
        let operands = self.align(vec![left, right], written, "the sides of the comparison")?;
        Ok(boolean(comparison, operands))
    }

    fn logic(
        &mut self,
        operator: Scalar,
        left: &ast::Expr,
        right: &ast::Expr,
        site: Site,
    ) -> Compiled<Expr> {
        let operands = (self.condition(left, site), self.condition(right, site));
        Ok(boolean(operator, vec![operands.0?, operands.1?]))
    }

    fn concatenation(&mut self, left: &ast::Expr, right: &ast::Expr, site: Site) -> Compiled<Expr> {
        let what = "an operand of `||`";
        let left = self.of_type(left, site, Type::Varchar, what);
        let right = self.of_type(right, site, Type::Varchar, what);
        let (left, right) = (left?, right?);
        let mut operands = match left.kind {
            ExprKind::Call(Scalar::Concat, operands) => operands,
            _ => vec![left],
        };
        operands.push(right);
        Ok(Expr { kind: ExprKind::Call(Scalar::Concat, operands), ty: Type::Varchar })
    }

    pub(super) fn arithmetic(
        &mut self,
        written: &ast::Expr,
        operator: Scalar,
        left: &ast::Expr,
        right: &ast::Expr,
        site: Site,
    ) -> Compiled<Expr> {
        let terms = (self.term(left, site), self.term(right, site));
        let (left, right) = match (terms.0?, terms.1?) {
            (Term::Null, Term::Null) => return Err(self.refuse_null(written)),
            (Term::Typed(left), Term::Typed(right)) => (left, right),
            (Term::Typed(left), Term::Null) => {
                let ty = left.ty;
                (left, Term::Null.coerced(ty))
            }
            (Term::Null, Term::Typed(right)) => (Term::Null.coerced(right.ty), right),
        };
        for ty in [left.ty, right.ty] {
            if !is_numeric(ty) {
                let message = format!("arithmetic is not defined for {ty}");
                let help = match ty {
                    Type::Timestamp { .. } => "use to_unixtime(ts), seconds as a DOUBLE",
                    Type::Varchar => "CAST it to BIGINT, DOUBLE or DECIMAL; join texts with ||",
                    _ => "arithmetic takes BIGINT, DOUBLE and DECIMAL",
                };
                return Err(self.refuse(written, message, help));
            }
        }
        let (operands, ty) = match (left.ty, right.ty) {
            (Type::BigInt, Type::BigInt) => ([left, right], Type::BigInt),
            (Type::Double, _) | (_, Type::Double) => {
                ([left, right].map(|operand| literal::coerce(operand, Type::Double)), Type::Double)
            }
            _ => match decimals(&operator, left, right) {
                Some(typed) => typed,
                None => {
                    let help = format!(
                        "a product has the digits after the point of both factors, at most \
                         {MAX_PRECISION}; CAST one of them to fewer, or to DOUBLE"
                    );
                    return Err(self.refuse(written, "the product has too many digits", help));
                }
            },
        };
        Ok(Expr { kind: ExprKind::Call(operator, operands.into()), ty })
    }
}

/// Operands and type of DECIMAL arithmetic; `None` if the scale of a product is too large.
///
/// The operands of `+`, `-` and `%` get one scale. Those of `*` and `/` keep theirs: a quotient has
/// the larger scale of the two and is rounded half away from zero.
fn decimals(operator: &Scalar, left: Expr, right: Expr) -> Option<([Expr; 2], Type)> {
    let ((p1, s1), (p2, s2)) = (digits(left.ty), digits(right.ty));
    let scale = s1.max(s2);
    let decimal =
        |precision: u8, scale| Type::Decimal { precision: precision.min(MAX_PRECISION), scale };
    let ty = match operator {
        Scalar::Multiply if s1 + s2 > MAX_PRECISION => return None,
        Scalar::Multiply => decimal(p1 + p2, s1 + s2),
        Scalar::Divide => decimal(p1 + s2 + s2.saturating_sub(s1), scale),
        Scalar::Modulo => decimal((p1 - s1).min(p2 - s2) + scale, scale),
        _ => decimal((p1 - s1).max(p2 - s2) + scale + 1, scale),
    };
    let has_own_scale = matches!(operator, Scalar::Multiply | Scalar::Divide);
    let operands = [(left, p1, s1), (right, p2, s2)].map(|(operand, precision, own)| {
        let target = if has_own_scale { own } else { scale };
        match operand.ty {
            Type::Decimal { .. } if own == target => operand,
            _ => literal::coerce(operand, decimal(precision - own + target, target)),
        }
    });
    Some((operands, ty))
}

/// Precision and scale of a DECIMAL, or of the DECIMAL that holds every BIGINT.
fn digits(ty: Type) -> (u8, u8) {
    match (ty, BIGINT_AS_DECIMAL) {
        (Type::Decimal { precision, scale }, _) | (_, Type::Decimal { precision, scale }) => {
            (precision, scale)
        }
        _ => unreachable!("only BIGINT and DECIMAL reach decimal arithmetic"),
    }
}

/// `-expr`; constants are negated here.
fn negated(expr: Expr) -> Expr {
    let ty = expr.ty;
    let value = match &expr.kind {
        ExprKind::Literal(Value::BigInt(value)) => value.checked_neg().map(Value::BigInt),
        ExprKind::Literal(Value::Decimal(value)) => value.checked_neg().map(Value::Decimal),
        ExprKind::Literal(Value::Double(value)) => Some(Value::Double(0.0 - value)),
        _ => None,
    };
    match value {
        Some(value) => literal::literal(value, ty),
        None => Expr { kind: ExprKind::Call(Scalar::Negate, vec![expr]), ty },
    }
}
