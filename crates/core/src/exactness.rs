//! Exactness: which measures of a view are exact, and how far off the others may be.
//!
//! Said in words, for `explain` and the list of views; the sketches' own tests hold them to it.

use crate::aggregate::Function;
use crate::view::{Measure, View};

impl View {
    /// How far off `measure` may be, one sentence for each sketch that it reads; none if it is
    /// exact.
    pub fn error_bounds(&self, measure: &Measure) -> Vec<String> {
        let mut used = vec![false; self.outputs.len()];
        measure.expr.mark_columns(&mut used);
        let outputs = self.outputs.iter().zip(used).filter(|(_, used)| *used);
        let mut bounds: Vec<String> = outputs
            .filter_map(|(output, _)| error_bound(self.aggregates[output.aggregate].function))
            .collect();
        bounds.dedup();
        bounds
    }
}

fn error_bound(function: Function) -> Option<String> {
    match function {
        // HyperLogLog at lgK 12: 1.04 / sqrt(2^12); Flajolet, Fusy, Gandouet, Meunier 2007.
        Function::ApproxDistinct => {
            Some("standard error 1.6 % (within 4.9 % in 99.7 % of cases)".to_owned())
        }
        // Half a bucket, where a bucket is a factor of 2^(1/64).
        Function::ApproxPercentile => Some(
            "within 0.55 % of the exact percentile, for magnitudes from 2^-64 to 2^64".to_owned(),
        ),
        Function::ApproxMostFrequent { capacity } => Some(format!(
            "each count is too high by at most its `error`, which is at most 1/{capacity} of the events"
        )),
        Function::Count
        | Function::Sum
        | Function::Avg
        | Function::Min
        | Function::Max
        | Function::MinBy
        | Function::MaxBy
        | Function::BoolAnd
        | Function::BoolOr
        | Function::Moments => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Type;
    use crate::view::{Aggregate, Expr, ExprKind, Fingerprint, Output, Present, Scalar};

    #[test]
    fn a_measure_is_as_exact_as_the_sketches_it_reads() {
        let double = |kind| Expr { kind, ty: Type::Double };
        let column = |output| double(ExprKind::Column(output));
        let output = |aggregate, present| Output { aggregate, present, ty: Type::Double };
        let measure = |expr| Measure { name: "m".to_owned(), expr };
        let mean = measure(column(0));
        let median = measure(column(1));
        let spread = ExprKind::Call(Scalar::Subtract, vec![column(2), column(1)]);
        let spread = measure(double(spread));
        let aggregates = [Function::Avg, Function::ApproxPercentile].map(|function| Aggregate {
            function,
            args: vec![column(0)],
            filter: None,
        });
        let view = View {
            name: "v".to_owned(),
            fingerprint: Fingerprint([0; 16]),
            plan: String::new(),
            filter: None,
            keys: Vec::new(),
            bucket: None,
            aggregates: aggregates.to_vec(),
            outputs: vec![
                output(0, Present::Value),
                output(1, Present::Percentile(0.5)),
                output(1, Present::Percentile(0.9)),
            ],
            measures: Vec::new(),
        };
        let bounds = [&mean, &median, &spread].map(|measure| view.error_bounds(measure).len());
        assert_eq!(bounds, [0, 1, 1]);
    }
}
