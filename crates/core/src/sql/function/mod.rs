//! Function calls: scalar functions, and the way to the aggregates.
//!
//! Most functions are rows of [`signature`]. Those whose arguments follow a rule of their own are
//! bound here; what SQL writes with a grammar of its own (EXTRACT, SUBSTRING … FROM …) is the same
//! function in another spelling.

mod signature;

use super::aggregate;
use super::bind::{Binder, Site, Term};
use super::data_type::is_numeric;
use super::error::{Compiled, Reported};
use super::literal::{coerce, literal};
use super::predicate::text_of;
use super::refused;
use super::suggest::closest;
use super::width;
use crate::types::{Type, Value};
use crate::view::{Expr, ExprKind, Scalar};
use signature::{Parameter, Signature};
use sqlparser::ast::{
    self, CeilFloorKind, DateTimeField, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
};

/// Functions that are bound by hand, with how they are called.
const SPECIAL: [(&str, &str); 11] = [
    ("coalesce", "coalesce(x, y, …)"),
    ("nullif", "nullif(x, y)"),
    ("if", "if(condition, x [, y])"),
    ("try", "try(x)"),
    ("greatest", "greatest(x, y, …)"),
    ("least", "least(x, y, …)"),
    ("concat", "concat(VARCHAR, VARCHAR, …)"),
    ("mod", "mod(a number, a number)"),
    ("date_trunc", "date_trunc('minute', TIMESTAMP)"),
    ("date_bin", "date_bin(INTERVAL '5' MINUTE, TIMESTAMP)"),
    ("position", "position(VARCHAR IN VARCHAR)"),
];

/// Every scalar function's names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    Signature::names().chain(SPECIAL.iter().map(|(name, _)| *name))
}

impl Binder<'_, '_> {
    pub(super) fn call(
        &mut self,
        written: &ast::Expr,
        function: &Function,
        site: Site,
    ) -> Compiled<Term> {
        let name = match function.name.0.as_slice() {
            [part] => part.as_ident().map(|name| name.value.to_lowercase()),
            _ => None,
        };
        let Some(name) = name else {
            return Err(self.refuse(
                written,
                format!("there is no function `{}`", function.name),
                "functions have plain names",
            ));
        };
        if let Some((message, help)) = refused::function(&name) {
            return Err(self.refuse(written, message, help));
        }
        if function.over.is_some() {
            let help = "use a time bucket, date_trunc('minute', event_time), as a key, and \
                        compare rows when you query the view";
            return Err(self.refuse(written, "window functions cannot be merged", help));
        }
        if aggregate::usage(&name).is_some() {
            return self.aggregate(written, &name, function, site).map(Term::Typed);
        }
        let args = self.scalar_arguments(written, &name, function)?;
        self.scalar(written, &name, &args, site)
    }

    /// The arguments of a call that is no aggregate.
    fn scalar_arguments<'e>(
        &mut self,
        written: &ast::Expr,
        name: &str,
        function: &'e Function,
    ) -> Compiled<Vec<&'e ast::Expr>> {
        let is_plain = function.filter.is_none()
            && function.within_group.is_empty()
            && function.null_treatment.is_none()
            && matches!(&function.args, FunctionArguments::List(list)
                if list.duplicate_treatment.is_none() && list.clauses.is_empty());
        if names().any(|known| known == name) && !is_plain {
            let help = "DISTINCT, FILTER and the like belong to aggregates";
            return Err(self.refuse(written, format!("{name} is not an aggregate"), help));
        }
        match plain_arguments(&function.args) {
            Some(args) => Ok(args),
            None => Err(self.refuse(
                written,
                format!("arguments of {name} that are not plain expressions"),
                "arguments are expressions, given in order",
            )),
        }
    }

    fn scalar(
        &mut self,
        written: &ast::Expr,
        name: &str,
        args: &[&ast::Expr],
        site: Site,
    ) -> Compiled<Term> {
        if let Some(signature) = Signature::find(name) {
            return self.apply(written, signature, args, site).map(Term::Typed);
        }
        let expr = match (name, args) {
            ("try", [arg]) => return self.term(arg, site),
            ("if", [condition, rest @ ..]) if (1..=2).contains(&rest.len()) => {
                return self.conditional(condition, rest, site);
            }
            ("coalesce", [_, ..]) => return self.alike(Scalar::Coalesce, name, args, site),
            ("greatest", [_, ..]) => return self.alike(Scalar::Greatest, name, args, site),
            ("least", [_, ..]) => return self.alike(Scalar::Least, name, args, site),
            ("nullif", [value, other]) => return self.null_if(value, other, site),
            ("concat", [_, _, ..]) => self.concat(args, site)?,
            ("mod", [left, right]) => {
                self.arithmetic(written, Scalar::Modulo, left, right, site)?
            }
            ("date_trunc", [unit, timestamp]) => self.date_trunc(unit, timestamp, site)?,
            ("date_bin", [interval, timestamp]) => self.date_bin(interval, timestamp, site)?,
            ("date_bin", [_, _, origin]) => {
                let help = "leave it out: buckets are counted from 1970-01-01 00:00 UTC";
                return Err(self.refuse(origin, "date_bin takes no origin", help));
            }
            _ => return Err(self.refuse_call(written, name, args.len())),
        };
        Ok(Term::Typed(expr))
    }

    /// No such function, or not with so many arguments.
    fn refuse_call(&mut self, written: &ast::Expr, name: &str, args: usize) -> Reported {
        if let Some((_, usage)) = SPECIAL.iter().find(|(special, _)| *special == name) {
            return self.refuse(written, wrong_count(name, args), format!("write {usage}"));
        }
        let help = match closest(name, names().chain(aggregate::names())) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "the guide's view language reference lists every function".to_owned(),
        };
        self.refuse(written, format!("there is no function `{name}`"), help)
    }

    /// A call of a function of [`signature`].
    fn apply(
        &mut self,
        written: &ast::Expr,
        signature: &Signature,
        args: &[&ast::Expr],
        site: Site,
    ) -> Compiled<Expr> {
        if args.len() < signature.required || args.len() > signature.parameters.len() {
            let message = wrong_count(signature.names[0], args.len());
            return Err(self.refuse(written, message, format!("write {}", signature.usage())));
        }
        let bound: Vec<Compiled<Expr>> = args
            .iter()
            .zip(signature.parameters)
            .map(|(arg, parameter)| self.argument(arg, *parameter, signature, site))
            .collect();
        let mut bound = bound.into_iter().collect::<Compiled<Vec<Expr>>>()?;
        if signature.scalar == Scalar::Replace && bound.len() == 2 {
            // Without a replacement, what is found is removed.
            bound.push(literal(Value::Varchar(String::new()), Type::Varchar));
        }
        let ty = (signature.returns)(&bound);
        Ok(Expr { kind: ExprKind::Call(signature.scalar.clone(), bound), ty })
    }

    fn argument(
        &mut self,
        written: &ast::Expr,
        parameter: Parameter,
        signature: &Signature,
        site: Site,
    ) -> Compiled<Expr> {
        let term = self.term(written, site)?;
        let null = match parameter {
            Parameter::Varchar => Type::Varchar,
            Parameter::BigInt => Type::BigInt,
            Parameter::Double | Parameter::Number => Type::Double,
            Parameter::Timestamp => Type::Timestamp { precision: 3 },
        };
        let Term::Typed(expr) = term else { return Ok(literal(Value::Null, null)) };
        let fits = match parameter {
            Parameter::Double | Parameter::Number => is_numeric(expr.ty),
            Parameter::Timestamp => matches!(expr.ty, Type::Timestamp { .. }),
            Parameter::Varchar | Parameter::BigInt => expr.ty == null,
        };
        if !fits {
            let message =
                format!("{} takes {}, not {}", signature.names[0], parameter.name(), expr.ty);
            return Err(self.refuse(written, message, format!("write {}", signature.usage())));
        }
        Ok(if parameter == Parameter::Double { coerce(expr, Type::Double) } else { expr })
    }

    /// A function whose arguments and value have one type.
    fn alike(
        &mut self,
        scalar: Scalar,
        name: &str,
        args: &[&ast::Expr],
        site: Site,
    ) -> Compiled<Term> {
        let terms: Vec<Compiled<Term>> = args.iter().map(|arg| self.term(arg, site)).collect();
        let terms = terms.into_iter().collect::<Compiled<Vec<Term>>>()?;
        if terms.iter().all(|term| matches!(term, Term::Null)) {
            return Ok(Term::Null);
        }
        let (operands, ty) = self.unify(terms, args, &format!("the arguments of {name}"))?;
        Ok(Term::Typed(Expr { kind: ExprKind::Call(scalar, operands), ty }))
    }

    /// `if(c, x, y)` is `CASE WHEN c THEN x ELSE y END`.
    fn conditional(
        &mut self,
        condition: &ast::Expr,
        results: &[&ast::Expr],
        site: Site,
    ) -> Compiled<Term> {
        let condition = self.condition(condition, site);
        let terms: Vec<Compiled<Term>> =
            results.iter().map(|result| self.term(result, site)).collect();
        let condition = condition?;
        let terms = terms.into_iter().collect::<Compiled<Vec<Term>>>()?;
        if terms.iter().all(|term| matches!(term, Term::Null)) {
            return Ok(Term::Null);
        }
        let (operands, ty) = self.unify(terms, results, "the results of if")?;
        let mut operands = operands.into_iter();
        let branches = vec![(condition, operands.next().expect("if has one result or two"))];
        let otherwise = operands.next().map(Box::new);
        Ok(Term::Typed(Expr { kind: ExprKind::Case { branches, otherwise }, ty }))
    }

    /// The value keeps its type; where the comparison needs another one, it is made beside it.
    fn null_if(&mut self, value: &ast::Expr, other: &ast::Expr, site: Site) -> Compiled<Term> {
        let terms = (self.term(value, site), self.term(other, site));
        let (Term::Typed(kept), other_term) = (terms.0?, terms.1?) else { return Ok(Term::Null) };
        let ty = kept.ty;
        let kept = Term::Typed(kept);
        let compared = self.duplicate(&kept, value)?;
        let what = "the arguments of nullif";
        let operands = self.align(vec![compared, other_term], &[value, other], what)?;
        let kept = kept.coerced(ty);
        let kind = if operands[0] == kept {
            ExprKind::Call(Scalar::NullIf, operands)
        } else {
            let equal = super::bind::boolean(Scalar::Equal, operands);
            ExprKind::Case {
                branches: vec![(equal, literal(Value::Null, ty))],
                otherwise: Some(Box::new(kept)),
            }
        };
        Ok(Term::Typed(Expr { kind, ty }))
    }

    fn concat(&mut self, args: &[&ast::Expr], site: Site) -> Compiled<Expr> {
        let operands: Vec<Compiled<Expr>> = args
            .iter()
            .map(|arg| self.of_type(arg, site, Type::Varchar, "an argument of concat"))
            .collect();
        let operands = operands.into_iter().collect::<Compiled<Vec<Expr>>>()?;
        Ok(Expr { kind: ExprKind::Call(Scalar::Concat, operands), ty: Type::Varchar })
    }

    fn date_trunc(
        &mut self,
        unit: &ast::Expr,
        timestamp: &ast::Expr,
        site: Site,
    ) -> Compiled<Expr> {
        let operand = self.timestamp(timestamp, "date_trunc", site);
        let units = || format!("the units are: '{}'", width::UNITS.join("', '"));
        let Some(name) = text_of(unit) else {
            return Err(self.refuse(unit, "the unit of date_trunc is not a constant", units()));
        };
        let Some(width) = width::unit(name) else {
            let help = match closest(name, width::UNITS) {
                Some(known) => format!("did you mean '{known}'? {}", units()),
                None => units(),
            };
            return Err(self.refuse(unit, format!("there is no unit '{name}'"), help));
        };
        let operand = operand?;
        let ty = operand.ty;
        Ok(Expr { kind: ExprKind::Call(Scalar::Truncate(width), vec![operand]), ty })
    }

    fn date_bin(
        &mut self,
        interval: &ast::Expr,
        timestamp: &ast::Expr,
        site: Site,
    ) -> Compiled<Expr> {
        let operand = self.timestamp(timestamp, "date_bin", site);
        let ast::Expr::Interval(length) = interval else {
            let help = "write date_bin(INTERVAL '5' MINUTE, ts)";
            return Err(self.refuse(interval, "the width of date_bin is not an INTERVAL", help));
        };
        let width = width::interval(length)
            .map_err(|width::Refused { message, help }| self.refuse(interval, message, help))?;
        let operand = operand?;
        let ty = operand.ty;
        Ok(Expr { kind: ExprKind::Call(Scalar::Truncate(width), vec![operand]), ty })
    }

    fn timestamp(&mut self, written: &ast::Expr, name: &str, site: Site) -> Compiled<Expr> {
        let expr = self.typed(written, site)?;
        if matches!(expr.ty, Type::Timestamp { .. }) {
            return Ok(expr);
        }
        let message = format!("{name} takes TIMESTAMP, not {}", expr.ty);
        let help = match expr.ty {
            Type::BigInt | Type::Double => {
                "use from_unixtime(seconds), or declare the column as \
                                            TIMESTAMP with a timestamp_format"
            }
            _ => "declare the column as TIMESTAMP(3)",
        };
        Err(self.refuse(written, message, help))
    }

    /// Functions that SQL writes with a grammar of its own, and what no view can hold.
    pub(super) fn special_syntax(&mut self, written: &ast::Expr, site: Site) -> Compiled<Expr> {
        use ast::Expr as E;
        let (name, args): (&str, Vec<&ast::Expr>) = match written {
            E::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                ("ceil", vec![expr])
            }
            E::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                ("floor", vec![expr])
            }
            E::Position { expr, r#in } => ("strpos", vec![r#in, expr]),
            E::Substring { expr, substring_from: Some(from), substring_for, .. } => {
                let mut args: Vec<&ast::Expr> = vec![expr, from];
                args.extend(substring_for.as_deref());
                ("substr", args)
            }
            E::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => {
                ("trim", vec![expr])
            }
            E::Extract { field, expr, .. } => match extracted(field) {
                Some(name) => (name, vec![expr]),
                None => {
                    let help = "the fields are YEAR, QUARTER, MONTH, WEEK, DAY, DOW, DOY, HOUR, \
                                MINUTE and SECOND";
                    return Err(self.refuse(written, format!("there is no field `{field}`"), help));
                }
            },
            _ => {
                let (message, help) = refused::syntax(written);
                return Err(self.refuse(written, message, help));
            }
        };
        let signature = Signature::find(name).expect("these functions have a signature");
        self.apply(written, signature, &args, site)
    }
}

/// The function that EXTRACT of a field is.
fn extracted(field: &DateTimeField) -> Option<&'static str> {
    Some(match field {
        DateTimeField::Year => "year",
        DateTimeField::Quarter => "quarter",
        DateTimeField::Month => "month",
        DateTimeField::Week(None) => "week",
        DateTimeField::Day => "day",
        DateTimeField::Dow => "day_of_week",
        DateTimeField::Doy => "day_of_year",
        DateTimeField::Hour => "hour",
        DateTimeField::Minute => "minute",
        DateTimeField::Second => "second",
        _ => return None,
    })
}

/// The arguments, if all are expressions given in order.
pub(super) fn plain_arguments(args: &FunctionArguments) -> Option<Vec<&ast::Expr>> {
    let FunctionArguments::List(list) = args else { return None };
    list.args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

/// "lower does not take 2 arguments"
pub(super) fn wrong_count(name: &str, args: usize) -> String {
    let plural = if args == 1 { "" } else { "s" };
    format!("{name} does not take {args} argument{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_describes_every_function() {
        let guide =
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/view-language.md"));
        let described = |name: &str| {
            guide.contains(&format!("`{name}(")) || guide.contains(&format!("`{name}`"))
        };
        let missing: Vec<&str> =
            names().chain(aggregate::names()).filter(|name| !described(name)).collect();
        assert!(missing.is_empty(), "the guide does not describe {missing:?}");
    }
}
