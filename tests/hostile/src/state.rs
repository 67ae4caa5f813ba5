//! A stored state of every aggregate: what is read is written again as the same bytes, merges in any
//! order and shape, and takes memory by its own length.
//!
//! Three bytes pick the aggregate and the types of its arguments; states follow, one behind the other.

use anabranch_core::aggregate::{Accumulator, Function, accumulator};
use anabranch_core::column::Column;
use anabranch_core::types::Type;
use anabranch_core::view::{Moment, Present};

/// Every type of an argument.
const TYPES: [Type; 6] = [
    Type::Boolean,
    Type::BigInt,
    Type::Double,
    Type::Decimal { precision: 38, scale: 9 },
    Type::Varchar,
    Type::Timestamp { precision: 3 },
];

/// What a state of fixed capacity may take: two histograms of all keys with wide counters.
const FIXED_BYTES: usize = 1 << 19;

/// Every function with the arguments that it is written for; `None` stands for any type.
const FUNCTIONS: [(Function, &[Option<Type>]); 20] = {
    use Function::*;
    const DECIMAL: Option<Type> = Some(Type::Decimal { precision: 38, scale: 9 });
    const DOUBLE: Option<Type> = Some(Type::Double);
    const BIGINT: Option<Type> = Some(Type::BigInt);
    const BOOLEAN: Option<Type> = Some(Type::Boolean);
    const VARCHAR: Option<Type> = Some(Type::Varchar);
    [
        (Count, &[]),
        (Count, &[None]),
        (Sum, &[BIGINT]),
        (Sum, &[DECIMAL]),
        (Sum, &[DOUBLE]),
        (Avg, &[BIGINT]),
        (Avg, &[DECIMAL]),
        (Avg, &[DOUBLE]),
        (Moments, &[DOUBLE]),
        (ApproxDistinct, &[None]),
        (ApproxPercentile, &[DOUBLE]),
        (ApproxMostFrequent { capacity: 1 }, &[VARCHAR]),
        (ApproxMostFrequent { capacity: 20 }, &[VARCHAR]),
        (ApproxMostFrequent { capacity: 10_000 }, &[VARCHAR]),
        (BoolAnd, &[BOOLEAN]),
        (BoolOr, &[BOOLEAN]),
        (Min, &[None]),
        (Max, &[None]),
        (MinBy, &[None, None]),
        (MaxBy, &[None, None]),
    ]
};

/// An aggregate as three bytes pick it.
pub(crate) struct Subject {
    pub(crate) function: Function,
    pub(crate) types: Vec<Type>,
}

impl Subject {
    pub(crate) fn pick([function, first, second]: [u8; 3]) -> Self {
        let (function, args) = FUNCTIONS[usize::from(function) % FUNCTIONS.len()];
        let any = [first, second].map(|byte| TYPES[usize::from(byte) % TYPES.len()]);
        let types = args.iter().zip(any).map(|(arg, any)| arg.unwrap_or(any)).collect();
        Subject { function, types }
    }

    /// Every aggregate there is, with the bytes that pick it.
    pub(crate) fn all() -> impl Iterator<Item = ([u8; 3], Subject)> {
        let bytes = (0..FUNCTIONS.len() as u8).flat_map(|function| {
            let types = 0..TYPES.len() as u8;
            types.clone().flat_map(move |a| types.clone().map(move |b| [function, a, b]))
        });
        let mut seen = std::collections::HashSet::new();
        bytes
            .map(|bytes| (bytes, Subject::pick(bytes)))
            .filter(move |(_, subject)| seen.insert((subject.function, subject.types.clone())))
    }

    pub(crate) fn fresh(&self) -> Box<dyn Accumulator> {
        let mut states = accumulator(self.function, &self.types);
        states.grow(1);
        states
    }

    /// Whether bytes, and not only bounds, are independent of order.
    fn is_exact(&self) -> bool {
        !matches!(self.function, Function::ApproxMostFrequent { .. })
    }

    /// Whether a state holds a sum that left the range of an `i128`: it becomes lost when it is
    /// stored in a column, and two that no events can make become lost when they are merged.
    fn is_beyond_range(&self, state: &[u8]) -> bool {
        let is_sum = matches!(self.function, Function::Sum | Function::Avg);
        is_sum && self.types[0] != Type::Double && state.len() >= 17
    }

    /// What of a state is read. The sums in the image of a sketch with registers are there for other
    /// readers; they follow from the registers.
    fn read_part(&self, state: &[u8]) -> Vec<u8> {
        const REGISTERS: u8 = 10;
        let sums = match (self.function, state.first()) {
            (Function::ApproxDistinct, Some(&REGISTERS)) => 8..36,
            _ => 0..0,
        };
        (0..).zip(state).filter(|(at, _)| !sums.contains(at)).map(|(_, &byte)| byte).collect()
    }

    fn merged<'s>(&self, states: impl IntoIterator<Item = &'s [u8]>) -> Box<dyn Accumulator> {
        let mut merged = self.fresh();
        for state in states {
            let mut rest = state;
            merged.merge(0, &mut rest).expect("it was read before");
            assert!(rest.is_empty(), "{} bytes are left of a state", rest.len());
        }
        merged
    }
}

/// Panics unless the states behave as states do.
pub fn check(data: &[u8]) {
    let Some((picked, mut rest)) = data.split_first_chunk::<3>() else { return };
    let subject = Subject::pick(*picked);
    let mut read: Vec<&[u8]> = Vec::new();
    while !rest.is_empty() && read.len() < 8 {
        let before = rest;
        let mut states = subject.fresh();
        let identity = encoded(&*states);
        if states.merge(0, &mut rest).is_err() {
            assert_eq!(encoded(&*states), identity, "a refused state left something behind");
            break;
        }
        let state = &before[..before.len() - rest.len()];
        let written = encoded(&*states);
        assert_eq!(
            subject.read_part(&written),
            subject.read_part(state),
            "a state is written differently than it was read"
        );
        assert!(
            states.memory_bytes() <= FIXED_BYTES + 64 * state.len(),
            "{} bytes of memory for {} bytes of state",
            states.memory_bytes(),
            state.len()
        );
        check_presented(&subject, &*states);
        read.push(state);
    }
    let all = subject.merged(read.iter().copied());
    if subject.is_exact() && !read.iter().any(|state| subject.is_beyond_range(state)) {
        let expected = encoded(&*all);
        let reversed = subject.merged(read.iter().rev().copied());
        assert_eq!(encoded(&*reversed), expected, "merging depends on order");
        let tail = encoded(&*subject.merged(read.iter().skip(1).copied()));
        let other = subject.merged(read.first().copied().into_iter().chain([tail.as_slice()]));
        assert_eq!(encoded(&*other), expected, "merging depends on its shape");
    }
    check_presented(&subject, &*all);
}

fn encoded(states: &dyn Accumulator) -> Vec<u8> {
    let mut state = Vec::new();
    states.encode(0, &mut state);
    state
}

/// A state can be presented every way, and its stored column is the same state.
fn check_presented(subject: &Subject, states: &dyn Accumulator) {
    let mut ways = vec![Present::Value];
    match subject.function {
        Function::Moments => ways.extend(
            [
                Moment::VarianceSample,
                Moment::VariancePopulation,
                Moment::StddevSample,
                Moment::StddevPopulation,
            ]
            .map(Present::Moment),
        ),
        Function::ApproxPercentile => ways.extend([0.0, 0.5, 0.95, 1.0].map(Present::Percentile)),
        Function::ApproxMostFrequent { .. } => ways.extend([0, 3].map(Present::MostFrequent)),
        _ => {}
    }
    for way in ways {
        assert_eq!(states.present(way, &[0]).len(), 1);
    }
    let column: Column<'_> = states.store(&[0]);
    let mut loaded = subject.fresh();
    loaded.load(&[0], &column).expect("a stored column loads");
    let expected = encoded(states);
    if !subject.is_beyond_range(&expected) {
        assert_eq!(encoded(&*loaded), expected, "a stored column is another state");
    }
}
