//! Aggregate functions: which state each needs, and what it presents of it.
//!
//! States are shared: two measures that need the same function of the same arguments under the
//! same filter read one state, and `approx_percentile(x, 0.5)` and `(x, 0.95)` are two readings of
//! one histogram. Spellings of one thing (`count_if(c)`, `count(*) FILTER (WHERE c)`) become one.

use super::bind::{Binder, Site, Term, boolean};
use super::data_type::is_numeric;
use super::error::{Compiled, Reported};
use super::function::{plain_arguments, wrong_count};
use super::literal::coerce;
use crate::aggregate::Function;
use crate::types::{Type, Value};
use crate::view::{Aggregate, Expr, ExprKind, Moment, Output, Present, Scalar};
use sqlparser::ast::{self, FunctionArg, FunctionArgExpr, FunctionArguments};

/// The aggregates, with how they are called.
const AGGREGATES: [(&str, &str); 20] = [
    ("count", "count(*) or count(x)"),
    ("count_if", "count_if(condition)"),
    ("sum", "sum(a number)"),
    ("avg", "avg(a number)"),
    ("min", "min(x)"),
    ("max", "max(x)"),
    ("min_by", "min_by(x, y)"),
    ("max_by", "max_by(x, y)"),
    ("bool_and", "bool_and(condition)"),
    ("every", "every(condition)"),
    ("bool_or", "bool_or(condition)"),
    ("stddev", "stddev(a number)"),
    ("stddev_samp", "stddev_samp(a number)"),
    ("stddev_pop", "stddev_pop(a number)"),
    ("variance", "variance(a number)"),
    ("var_samp", "var_samp(a number)"),
    ("var_pop", "var_pop(a number)"),
    ("approx_distinct", "approx_distinct(x)"),
    ("approx_percentile", "approx_percentile(a number, 0.95)"),
    ("approx_most_frequent", "approx_most_frequent(buckets, value, capacity)"),
];

/// The most counters that `approx_most_frequent` may keep per row.
const MAX_CAPACITY: u32 = 65_536;

/// The most states of a row; past it a row would not fit into any store.
const MAX_STATES: usize = 256;

/// How the aggregate `name` is called, if there is one of that name.
pub(super) fn usage(name: &str) -> Option<&'static str> {
    AGGREGATES.iter().find(|(known, _)| *known == name).map(|(_, usage)| *usage)
}

/// Every aggregate's name.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    AGGREGATES.iter().map(|(name, _)| *name)
}

/// The states and outputs that the measures of a view need, each once.
#[derive(Debug, Default)]
pub(super) struct Aggregates {
    pub(super) states: Vec<Aggregate>,
    pub(super) outputs: Vec<Output>,
}

impl Aggregates {
    /// The output as a measure sees it; `None` if there would be too many states.
    fn output(&mut self, state: Aggregate, present: Present, ty: Type) -> Option<Expr> {
        let aggregate = match self.states.iter().position(|known| *known == state) {
            Some(aggregate) => aggregate,
            None if self.states.len() == MAX_STATES => return None,
            None => {
                self.states.push(state);
                self.states.len() - 1
            }
        };
        let output = Output { aggregate, present, ty };
        let known = self.outputs.iter().position(|known| *known == output);
        let id = known.unwrap_or_else(|| {
            self.outputs.push(output);
            self.outputs.len() - 1
        });
        Some(Expr { kind: ExprKind::Column(id), ty })
    }
}

/// An aggregate's state, what to read from it, and the type of that.
type Bound = (Function, Vec<Expr>, Present, Type);

impl Binder<'_, '_> {
    pub(super) fn aggregate(
        &mut self,
        written: &ast::Expr,
        name: &str,
        function: &ast::Function,
        site: Site,
    ) -> Compiled<Expr> {
        self.check_site(written, name, site)?;
        self.aggregated = true;
        self.check_clauses(written, name, function)?;
        let filter = match &function.filter {
            Some(filter) => self.condition(filter, Site::Filter).map(Some),
            None => Ok(None),
        };
        let args = match &function.args {
            FunctionArguments::List(list) if is_star(&list.args) && name == "count" => Vec::new(),
            args => match plain_arguments(args) {
                Some(args) => args,
                None => {
                    let help = format!("write {}", usage(name).unwrap_or_default());
                    let message = format!("arguments of {name} that are not plain expressions");
                    return Err(self.refuse(written, message, help));
                }
            },
        };
        if name == "count_if" {
            let [condition] = args.as_slice() else {
                return Err(self.refuse_count(written, name, args.len()));
            };
            let condition = self.condition(condition, Site::Argument);
            let filter = match (filter?, condition?) {
                (None, condition) => condition,
                (Some(filter), condition) => boolean(Scalar::And, vec![filter, condition]),
            };
            let count = (Function::Count, Vec::new(), Present::Value, Type::BigInt);
            return self.share(written, count, Some(filter));
        }
        let bound = self.function(written, name, &args);
        let filter = filter?;
        self.share(written, bound?, filter)
    }

    fn share(
        &mut self,
        written: &ast::Expr,
        (function, args, present, ty): Bound,
        filter: Option<Expr>,
    ) -> Compiled<Expr> {
        match self.aggregates.output(Aggregate { function, args, filter }, present, ty) {
            Some(output) => Ok(output),
            None => {
                let help = "split the view";
                let message = format!("a view has at most {MAX_STATES} different aggregates");
                Err(self.refuse(written, message, help))
            }
        }
    }

    fn check_site(&mut self, written: &ast::Expr, name: &str, site: Site) -> Compiled<()> {
        let (place, help) = match site {
            Site::Item => return Ok(()),
            Site::Where => ("in WHERE", "filter events here; filter rows when you query the view"),
            Site::GroupBy => ("in GROUP BY", "group by what is known of each event"),
            Site::Filter => ("in FILTER", "filter by what is known of each event"),
            Site::Argument => {
                ("inside an aggregate", "write both as measures, or compute with their results")
            }
        };
        Err(self.refuse(written, format!("the aggregate {name} cannot stand {place}"), help))
    }

    fn check_clauses(
        &mut self,
        written: &ast::Expr,
        name: &str,
        function: &ast::Function,
    ) -> Compiled<()> {
        if !function.within_group.is_empty() || function.null_treatment.is_some() {
            let help = "an aggregate takes arguments and FILTER (WHERE condition) only";
            return Err(self.refuse(written, format!("{name} has no such form"), help));
        }
        if let FunctionArguments::List(list) = &function.args {
            if list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct) {
                let message =
                    format!("{name}(DISTINCT …) needs every value, not a mergeable state");
                let help = match name {
                    "count" => "use approx_distinct(x): about 1.6 % relative standard error",
                    "min" | "max" | "bool_and" | "bool_or" | "every" | "approx_distinct" => {
                        "leave DISTINCT out: it changes nothing"
                    }
                    _ => "make the value a key, or use approx_distinct(x) to count values",
                };
                return Err(self.refuse(written, message, help));
            }
            if !list.clauses.is_empty() {
                let help = "the order of events is not kept; use min_by(x, y) or max_by(x, y)";
                return Err(self.refuse(written, format!("{name} has no such form"), help));
            }
        }
        Ok(())
    }

    /// The state that the aggregate `name` needs.
    fn function(
        &mut self,
        written: &ast::Expr,
        name: &str,
        args: &[&ast::Expr],
    ) -> Compiled<Bound> {
        let double = |function, arg, present| (function, vec![arg], present, Type::Double);
        let moment = |moment| Present::Moment(moment);
        Ok(match (name, args) {
            ("count", []) => (Function::Count, Vec::new(), Present::Value, Type::BigInt),
            ("count", [arg]) => self.count(arg)?,
            ("sum", [arg]) => {
                let arg = self.number(arg, name)?;
                let ty = match arg.ty {
                    Type::Double => Type::Double,
                    Type::Decimal { scale, .. } => Type::Decimal { precision: 38, scale },
                    _ => Type::Decimal { precision: 38, scale: 0 },
                };
                (Function::Sum, vec![arg], Present::Value, ty)
            }
            ("avg", [arg]) => {
                let arg = self.number(arg, name)?;
                let ty = if let Type::Decimal { .. } = arg.ty { arg.ty } else { Type::Double };
                (Function::Avg, vec![arg], Present::Value, ty)
            }
            ("min", [arg]) => self.extreme(Function::Min, arg)?,
            ("max", [arg]) => self.extreme(Function::Max, arg)?,
            ("min_by", [value, by]) => self.extreme_by(Function::MinBy, value, by)?,
            ("max_by", [value, by]) => self.extreme_by(Function::MaxBy, value, by)?,
            ("bool_and" | "every", [arg]) => self.truth(Function::BoolAnd, name, arg)?,
            ("bool_or", [arg]) => self.truth(Function::BoolOr, name, arg)?,
            ("stddev" | "stddev_samp", [arg]) => {
                double(Function::Moments, self.double(arg, name)?, moment(Moment::StddevSample))
            }
            ("stddev_pop", [arg]) => {
                double(Function::Moments, self.double(arg, name)?, moment(Moment::StddevPopulation))
            }
            ("variance" | "var_samp", [arg]) => {
                double(Function::Moments, self.double(arg, name)?, moment(Moment::VarianceSample))
            }
            ("var_pop", [arg]) => double(
                Function::Moments,
                self.double(arg, name)?,
                moment(Moment::VariancePopulation),
            ),
            ("approx_distinct", [arg]) => {
                let arg = self.value(arg)?;
                (Function::ApproxDistinct, vec![arg], Present::Value, Type::BigInt)
            }
            ("approx_percentile", [arg, at]) => {
                let (arg, at) = (self.double(arg, name), self.fraction(at));
                double(Function::ApproxPercentile, arg?, Present::Percentile(at?))
            }
            ("approx_most_frequent", [buckets, value, capacity]) => {
                self.most_frequent(buckets, value, capacity)?
            }
            _ => return Err(self.refuse_count(written, name, args.len())),
        })
    }

    fn refuse_count(&mut self, written: &ast::Expr, name: &str, args: usize) -> Reported {
        let help = format!("write {}", usage(name).unwrap_or_default());
        self.refuse(written, wrong_count(name, args), help)
    }

    /// `count(1)` is `count(*)`.
    fn count(&mut self, arg: &ast::Expr) -> Compiled<Bound> {
        let arg = self.value(arg)?;
        let args = match &arg.kind {
            ExprKind::Literal(value) if *value != Value::Null => Vec::new(),
            _ => vec![arg],
        };
        Ok((Function::Count, args, Present::Value, Type::BigInt))
    }

    fn extreme(&mut self, function: Function, arg: &ast::Expr) -> Compiled<Bound> {
        let arg = self.value(arg)?;
        let ty = arg.ty;
        Ok((function, vec![arg], Present::Value, ty))
    }

    fn extreme_by(
        &mut self,
        function: Function,
        value: &ast::Expr,
        by: &ast::Expr,
    ) -> Compiled<Bound> {
        let (value, by) = (self.value(value), self.value(by));
        let (value, by) = (value?, by?);
        let ty = value.ty;
        Ok((function, vec![value, by], Present::Value, ty))
    }

    fn truth(&mut self, function: Function, name: &str, arg: &ast::Expr) -> Compiled<Bound> {
        let what = format!("the argument of {name}");
        let arg = self.of_type(arg, Site::Argument, Type::Boolean, &what)?;
        Ok((function, vec![arg], Present::Value, Type::Boolean))
    }

    fn most_frequent(
        &mut self,
        buckets: &ast::Expr,
        value: &ast::Expr,
        capacity: &ast::Expr,
    ) -> Compiled<Bound> {
        let (most, value_bound) = (self.whole(buckets), self.value(value));
        let capacity = self.whole(capacity)?;
        let (most, value_bound) = (most?, value_bound?);
        if most > capacity {
            let message = format!("{most} buckets do not fit a capacity of {capacity}");
            let help = "the capacity is at least the number of buckets; counts are off by at most \
                        the number of events divided by the capacity";
            return Err(self.refuse(buckets, message, help));
        }
        let function = Function::ApproxMostFrequent { capacity };
        let arg = coerce(value_bound, Type::Varchar);
        Ok((function, vec![arg], Present::MostFrequent(most), Type::FrequentItems))
    }

    /// An argument of any type.
    fn value(&mut self, written: &ast::Expr) -> Compiled<Expr> {
        self.typed(written, Site::Argument)
    }

    fn number(&mut self, written: &ast::Expr, name: &str) -> Compiled<Expr> {
        let expr = self.value(written)?;
        if is_numeric(expr.ty) {
            return Ok(expr);
        }
        let message = format!("{name} takes a number, not {}", expr.ty);
        let help = match (name, expr.ty) {
            ("sum", Type::Boolean) => "use count_if(condition)",
            (_, Type::Boolean) => "use CAST(x AS DOUBLE)",
            (_, Type::Varchar) => "declare the column as a number, or CAST it",
            _ => "use to_unixtime(ts), seconds as a DOUBLE",
        };
        Err(self.refuse(written, message, help))
    }

    fn double(&mut self, written: &ast::Expr, name: &str) -> Compiled<Expr> {
        Ok(coerce(self.number(written, name)?, Type::Double))
    }

    /// A constant from 0 to 1.
    fn fraction(&mut self, written: &ast::Expr) -> Compiled<f64> {
        if let Term::Typed(expr) = self.term(written, Site::Argument)?
            && is_numeric(expr.ty)
            && let ExprKind::Literal(Value::Double(at)) = coerce(expr, Type::Double).kind
            && (0.0..=1.0).contains(&at)
        {
            return Ok(at);
        }
        let message = "the percentile is not a constant from 0 to 1";
        Err(self.refuse(written, message, "write approx_percentile(x, 0.95) for the 95th"))
    }

    /// A constant from 1 to the largest capacity.
    fn whole(&mut self, written: &ast::Expr) -> Compiled<u32> {
        if let Term::Typed(expr) = self.term(written, Site::Argument)?
            && let ExprKind::Literal(Value::BigInt(value)) = expr.kind
            && let Ok(value @ 1..=MAX_CAPACITY) = u32::try_from(value)
        {
            return Ok(value);
        }
        let message = format!("this is not a constant from 1 to {MAX_CAPACITY}");
        let help = "write approx_most_frequent(10, page, 1000) for the 10 most frequent pages";
        Err(self.refuse(written, message, help))
    }
}

fn is_star(args: &[FunctionArg]) -> bool {
    matches!(args, [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)])
}
