//! Expressions: from what the parser read to what can be evaluated, typed and checked.
//!
//! Binding goes bottom-up. NULL has no type until an operand beside it has one; operands that must
//! share a type are cast to their common one; whatever cannot be typed is reported at its place,
//! and the error then travels up unseen as [`Reported`].

use super::aggregate::Aggregates;
use super::data_type::{self, Refused, common};
use super::error::{Compiled, Reported, Reporter};
use super::lex::Lexed;
use super::literal::{self, Malformed, coerce, literal};
use super::scope::{Scope, Unresolved};
use crate::expr::castable;
use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Scalar};
use sqlparser::ast::{self, Ident};
use std::ops::Range;

/// What an expression is bound to.
#[derive(Debug)]
pub(super) enum Term {
    /// NULL, which takes the type that its surroundings give it.
    Null,
    /// Everything else.
    Typed(Expr),
}

impl Term {
    /// The term as a value of type `ty`.
    pub(super) fn coerced(self, ty: Type) -> Expr {
        match self {
            Term::Null => literal(Value::Null, ty),
            Term::Typed(expr) => coerce(expr, ty),
        }
    }
}

/// The part of the SELECT that an expression stands in, which decides what it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// A SELECT item: aggregates, or columns, not both side by side.
    Item,
    /// WHERE
    Where,
    /// GROUP BY
    GroupBy,
    /// FILTER of an aggregate
    Filter,
    /// An argument of an aggregate
    Argument,
}

/// Nodes that operators written once and evaluated twice (BETWEEN, simple CASE) may add to a view.
const MAX_DUPLICATED: usize = 10_000;

/// Binds the expressions of one SELECT.
pub(super) struct Binder<'a, 'r> {
    pub(super) lexed: &'a Lexed,
    pub(super) scope: Scope<'a>,
    pub(super) reporter: &'a mut Reporter<'r>,
    /// The aggregates that the SELECT items need.
    pub(super) aggregates: Aggregates,
    /// The columns used outside of aggregates in the current SELECT item.
    pub(super) free: Vec<Range<usize>>,
    /// Whether the current SELECT item holds an aggregate.
    pub(super) aggregated: bool,
    /// The bytes of the clause at hand: the place of what the parser kept no place for.
    pub(super) clause: Range<usize>,
    duplicated: usize,
}

impl<'a, 'r> Binder<'a, 'r> {
    pub(super) fn new(lexed: &'a Lexed, scope: Scope<'a>, reporter: &'a mut Reporter<'r>) -> Self {
        Binder {
            lexed,
            scope,
            reporter,
            aggregates: Aggregates::default(),
            free: Vec::new(),
            aggregated: false,
            clause: 0..0,
            duplicated: 0,
        }
    }

    /// Binds `written`; its type is known then.
    pub(super) fn typed(&mut self, written: &ast::Expr, site: Site) -> Compiled<Expr> {
        match self.term(written, site)? {
            Term::Typed(expr) => Ok(expr),
            Term::Null => Err(self.refuse_null(written)),
        }
    }

    /// Binds `written` as a value of exactly `ty`: NULL takes the type, nothing else is cast.
    pub(super) fn of_type(
        &mut self,
        written: &ast::Expr,
        site: Site,
        ty: Type,
        what: &str,
    ) -> Compiled<Expr> {
        match self.term(written, site)? {
            Term::Null => Ok(literal(Value::Null, ty)),
            Term::Typed(expr) if expr.ty == ty => Ok(expr),
            Term::Typed(expr) => {
                let message = format!("{what} is {}, not {ty}", expr.ty);
                let help = match (castable(expr.ty, ty), ty) {
                    (true, Type::Boolean) => "write a comparison, such as x = 1".to_owned(),
                    (true, _) => format!("write CAST(… AS {ty})"),
                    (false, _) => format!("{ty} is needed here"),
                };
                Err(self.refuse(written, message, help))
            }
        }
    }

    /// Binds a condition.
    pub(super) fn condition(&mut self, written: &ast::Expr, site: Site) -> Compiled<Expr> {
        self.of_type(written, site, Type::Boolean, "the condition")
    }

    /// Binds `written`.
    pub(super) fn term(&mut self, written: &ast::Expr, site: Site) -> Compiled<Term> {
        use ast::Expr as E;
        let expr = match written {
            E::Nested(inner) => return self.term(inner, site),
            E::Value(value) => return self.constant(written, &value.value),
            E::Identifier(name) => self.column(written, std::slice::from_ref(name), site)?,
            E::CompoundIdentifier(parts) => self.column(written, parts, site)?,
            E::TypedString(typed) => self.typed_string(written, typed)?,
            E::UnaryOp { op, expr } => return self.unary(written, *op, expr, site),
            E::BinaryOp { left, op, right } => self.binary(written, left, op, right, site)?,
            E::Function(function) => return self.call(written, function, site),
            E::Case { operand, conditions, else_result, .. } => {
                return self.case(operand.as_deref(), conditions, else_result.as_deref(), site);
            }
            E::Cast { kind, expr, data_type, format } => {
                if matches!(kind, ast::CastKind::DoubleColon | ast::CastKind::SafeCast)
                    || format.is_some()
                {
                    let help = "write CAST(x AS TYPE); a value that cannot be cast is NULL";
                    return Err(self.refuse(written, "there is no such form of CAST", help));
                }
                self.cast(written, expr, data_type, site)?
            }
            _ => return self.predicate_or_special(written, site).map(Term::Typed),
        };
        Ok(Term::Typed(expr))
    }

    /// Reports that `written` cannot stand here.
    pub(super) fn refuse(
        &mut self,
        written: &ast::Expr,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Reported {
        let place = self.place(written);
        self.reporter.report(place, message, help)
    }

    /// The bytes of `written`.
    pub(super) fn place(&self, written: &ast::Expr) -> Range<usize> {
        self.lexed.place(written).map_or(self.clause.clone(), |tokens| self.lexed.bytes(tokens))
    }

    /// Gives all `terms` one type: for results, of which any may be the value.
    /// `what` names them together in errors.
    pub(super) fn unify(
        &mut self,
        terms: Vec<Term>,
        written: &[&ast::Expr],
        what: &str,
    ) -> Compiled<(Vec<Expr>, Type)> {
        let (terms, ty) = self.agree(terms, written, what)?;
        let exprs = terms.into_iter().map(|term| term.coerced(ty)).collect();
        Ok((exprs, ty))
    }

    /// Gives all `terms` one form, in which their values compare as they are: for operands.
    /// DECIMALs of one scale and TIMESTAMPs have one form whatever their precision.
    pub(super) fn align(
        &mut self,
        terms: Vec<Term>,
        written: &[&ast::Expr],
        what: &str,
    ) -> Compiled<Vec<Expr>> {
        let (terms, ty) = self.agree(terms, written, what)?;
        let exprs = terms.into_iter().map(|term| match term {
            Term::Typed(expr) if has_form_of(expr.ty, ty) => expr,
            other => other.coerced(ty),
        });
        Ok(exprs.collect())
    }

    /// The common type of all `terms`.
    fn agree(
        &mut self,
        mut terms: Vec<Term>,
        written: &[&ast::Expr],
        what: &str,
    ) -> Compiled<(Vec<Term>, Type)> {
        self.read_timestamps(&mut terms, written)?;
        let mut agreed = None;
        for (term, written) in terms.iter().zip(written) {
            let Term::Typed(expr) = term else { continue };
            if expr.ty == Type::FrequentItems {
                return Err(self.refuse_items(written));
            }
            let before = *agreed.get_or_insert(expr.ty);
            agreed = common(before, expr.ty);
            if agreed.is_none() {
                let message = format!("{what} are {before} and {}", expr.ty);
                let help = "both must have one type: CAST one of them";
                return Err(self.refuse(written, message, help));
            }
        }
        match agreed {
            Some(ty) => Ok((terms, ty)),
            None => Err(self.refuse_null(written[0])),
        }
    }

    pub(super) fn refuse_null(&mut self, written: &ast::Expr) -> Reported {
        let help = "say it: CAST(NULL AS VARCHAR)";
        self.refuse(written, "the type of this NULL is not known", help)
    }

    /// Texts as written, beside a TIMESTAMP, are timestamps.
    fn read_timestamps(&mut self, terms: &mut [Term], written: &[&ast::Expr]) -> Compiled<()> {
        let is_timestamp =
            |term: &Term| matches!(term, Term::Typed(Expr { ty: Type::Timestamp { .. }, .. }));
        if !terms.iter().any(is_timestamp) {
            return Ok(());
        }
        let mut outcome = Ok(());
        for (term, written) in terms.iter_mut().zip(written) {
            if let Term::Typed(Expr { kind: ExprKind::Literal(Value::Varchar(text)), .. }) = term {
                match literal::timestamp(text) {
                    Ok(expr) => *term = Term::Typed(expr),
                    Err(Malformed { message, help }) => {
                        outcome = Err(self.refuse(written, message, help));
                    }
                }
            }
        }
        outcome
    }

    pub(super) fn refuse_items(&mut self, written: &ast::Expr) -> Reported {
        let help = "select approx_most_frequent(…) as a measure of its own";
        self.refuse(written, "frequent items are a list, not a value to compute with", help)
    }

    /// A copy of `term`, for what is written once and evaluated several times.
    pub(super) fn duplicate(&mut self, term: &Term, written: &ast::Expr) -> Compiled<Term> {
        let Term::Typed(expr) = term else { return Ok(Term::Null) };
        self.duplicated += nodes(expr);
        if self.duplicated > MAX_DUPLICATED {
            let help = "BETWEEN, IN and CASE x WHEN evaluate their operand for every value; write \
                        a shorter operand, or compute it where the event is produced";
            return Err(self.refuse(written, "the expression grows too large", help));
        }
        Ok(Term::Typed(expr.clone()))
    }

    fn column(&mut self, written: &ast::Expr, parts: &[Ident], site: Site) -> Compiled<Expr> {
        match self.scope.resolve(parts) {
            Ok(id) => {
                if site == Site::Item {
                    let place = self.place(written);
                    self.free.push(place);
                }
                let ty = self.scope.schema().columns[id].ty;
                Ok(Expr { kind: ExprKind::Column(id), ty })
            }
            Err(Unresolved { message, help }) => Err(self.refuse(written, message, help)),
        }
    }

    fn constant(&mut self, written: &ast::Expr, value: &ast::Value) -> Compiled<Term> {
        let expr = match value {
            ast::Value::Null => return Ok(Term::Null),
            ast::Value::Boolean(value) => literal(Value::Boolean(*value), Type::Boolean),
            ast::Value::Number(text, false) => self.well_formed(written, literal::number(text))?,
            ast::Value::SingleQuotedString(text) | ast::Value::UnicodeStringLiteral(text) => {
                literal(Value::Varchar(text.clone()), Type::Varchar)
            }
            _ => {
                let help = "constants are 1, 2.50, 1e3, 'text', TRUE, FALSE, NULL and \
                            TIMESTAMP '2026-01-31 12:34:56'";
                return Err(self.refuse(written, "there is no such form of constant", help));
            }
        };
        Ok(Term::Typed(expr))
    }

    pub(super) fn well_formed(
        &mut self,
        written: &ast::Expr,
        constant: Result<Expr, Malformed>,
    ) -> Compiled<Expr> {
        constant.map_err(|Malformed { message, help }| self.refuse(written, message, help))
    }

    /// `TYPE 'text'`
    fn typed_string(&mut self, written: &ast::Expr, typed: &ast::TypedString) -> Compiled<Expr> {
        let ty = self.data_type(written, &typed.data_type)?;
        let text = match &typed.value.value {
            ast::Value::SingleQuotedString(text) => text.as_str(),
            _ => {
                return Err(self.refuse(
                    written,
                    "there is no such form of constant",
                    "write TYPE 'text'",
                ));
            }
        };
        let constant = match ty {
            Type::Timestamp { .. } => literal::timestamp(text),
            Type::BigInt => literal::bigint(text),
            Type::Double => literal::double(text),
            Type::Decimal { .. } => literal::decimal(text),
            Type::Varchar | Type::Boolean | Type::FrequentItems => {
                let help = "write a text as 'text', and a truth value as TRUE or FALSE";
                return Err(self.refuse(written, "there is no such form of constant", help));
            }
        };
        self.well_formed(written, constant)
    }

    fn data_type(&mut self, written: &ast::Expr, ty: &ast::DataType) -> Compiled<Type> {
        data_type::compile(ty)
            .map_err(|Refused { message, help }| self.refuse(written, message, help))
    }

    fn cast(
        &mut self,
        written: &ast::Expr,
        operand: &ast::Expr,
        ty: &ast::DataType,
        site: Site,
    ) -> Compiled<Expr> {
        let ty = self.data_type(written, ty);
        let term = self.term(operand, site)?;
        let ty = ty?;
        match term {
            Term::Null => Ok(literal(Value::Null, ty)),
            Term::Typed(expr) if expr.ty == ty => Ok(expr),
            Term::Typed(expr) if castable(expr.ty, ty) => {
                Ok(Expr { kind: ExprKind::Call(Scalar::Cast, vec![expr]), ty })
            }
            Term::Typed(expr) => {
                let message = format!("{} cannot be cast to {ty}", expr.ty);
                let help = match (expr.ty, ty) {
                    (Type::Timestamp { .. }, _) => "use to_unixtime(ts) for seconds as a DOUBLE",
                    (_, Type::Timestamp { .. }) => "use from_unixtime(seconds) for a TIMESTAMP",
                    _ => "numbers, texts and truth values can be cast to each other",
                };
                Err(self.refuse(written, message, help))
            }
        }
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        whens: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
        site: Site,
    ) -> Compiled<Term> {
        let subject = operand.map(|operand| self.term(operand, site));
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        let mut written = Vec::new();
        for when in whens {
            conditions.push(match (&subject, operand) {
                (Some(subject), Some(operand)) => {
                    self.matches(subject.as_ref(), operand, &when.condition, site)
                }
                _ => self.condition(&when.condition, site),
            });
            results.push(self.term(&when.result, site));
            written.push(&when.result);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.term(otherwise, site));
            written.push(otherwise);
        }
        let conditions = conditions.into_iter().collect::<Compiled<Vec<Expr>>>()?;
        let results = results.into_iter().collect::<Compiled<Vec<Term>>>()?;
        if results.iter().all(|result| matches!(result, Term::Null)) {
            return Ok(Term::Null);
        }
        let (mut results, ty) = self.unify(results, &written, "the results of CASE")?;
        let otherwise = (results.len() > conditions.len()).then(|| results.pop()).flatten();
        let branches = conditions.into_iter().zip(results).collect();
        let kind = ExprKind::Case { branches, otherwise: otherwise.map(Box::new) };
        Ok(Term::Typed(Expr { kind, ty }))
    }

    /// `CASE subject WHEN value`: the subject is copied into every branch.
    fn matches(
        &mut self,
        subject: Result<&Term, &Reported>,
        operand: &ast::Expr,
        value: &ast::Expr,
        site: Site,
    ) -> Compiled<Expr> {
        let right = self.term(value, site);
        let left = self.duplicate(subject.map_err(|reported| *reported)?, operand)?;
        let operands = self.align(vec![left, right?], &[operand, value], "the sides of CASE")?;
        Ok(boolean(Scalar::Equal, operands))
    }
}

/// A call whose value is BOOLEAN.
pub(super) fn boolean(scalar: Scalar, operands: Vec<Expr>) -> Expr {
    Expr { kind: ExprKind::Call(scalar, operands), ty: Type::Boolean }
}

/// Whether values of both types are kept alike, so that they compare without a CAST.
fn has_form_of(a: Type, b: Type) -> bool {
    match (a, b) {
        (Type::Decimal { scale: a, .. }, Type::Decimal { scale: b, .. }) => a == b,
        (Type::Timestamp { .. }, Type::Timestamp { .. }) => true,
        _ => a == b,
    }
}

/// How many nodes `expr` has.
fn nodes(expr: &Expr) -> usize {
    match &expr.kind {
        ExprKind::Column(_) | ExprKind::Literal(_) => 1,
        ExprKind::Call(_, args) => 1 + args.iter().map(nodes).sum::<usize>(),
        ExprKind::Case { branches, otherwise } => {
            let branches: usize = branches.iter().map(|(c, r)| nodes(c) + nodes(r)).sum();
            1 + branches + otherwise.as_deref().map_or(0, nodes)
        }
    }
}
