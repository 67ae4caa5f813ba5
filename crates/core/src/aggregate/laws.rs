//! The laws that every aggregate keeps, as property tests: [`check`] runs them all.
//!
//! Events are folded into three groups. Whatever their order, however they are cut into batches,
//! and however partial states travel (encoded, stored in a column, merged in any shape), each group
//! must end up with the same bytes and the same answer. What a value *is* when an answer is right is
//! for each aggregate's own tests to say.

use super::{Accumulator, Function, accumulator};
use crate::column::{Column, Data};
use crate::types::{Type, Value};
use crate::view::{Moment, Present};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

const GROUPS: u32 = 3;

/// An event: its group and its arguments.
type Event = (u32, Vec<Value>);

/// Checks every law for `function` over arguments of `types`.
pub(super) fn check(function: Function, types: &[Type]) {
    check_with(function, types, any_value);
}

/// [`check`] with arguments from the strategy `value(type)`.
pub(super) fn check_with(
    function: Function,
    types: &[Type],
    value: impl Fn(Type) -> BoxedStrategy<Value>,
) {
    let laws = Laws { function, types };
    let args: Vec<_> = types.iter().map(|&ty| value(ty)).collect();
    let events = prop::collection::vec((0..GROUPS, args), 0..80);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let shuffled =
        events.prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle()));
    runner
        .run(&(shuffled, any::<[Index; 3]>()), |((events, shuffled), cuts)| {
            laws.order_and_cuts_do_not_matter(&events, &shuffled, &cuts)?;
            laws.merging_is_associative_and_commutative(&events, &cuts)?;
            laws.a_fresh_group_is_the_identity(&events)?;
            laws.states_are_self_delimiting(&events)?;
            laws.stored_columns_load_as_the_same_states(&events, &cuts)
        })
        .unwrap_or_else(|error| panic!("{function:?} of {types:?}: {error}"));
    let forged = prop::collection::vec(any::<u8>(), 0..600);
    runner
        .run(&(forged, any::<(Index, u8)>()), |(bytes, (at, byte))| {
            laws.bytes_that_are_no_state_change_nothing(&bytes)?;
            laws.a_wrong_byte_does_no_harm(&bytes, at, byte)
        })
        .unwrap_or_else(|error| panic!("{function:?} of {types:?}: {error}"));
}

struct Laws<'t> {
    function: Function,
    types: &'t [Type],
}

impl Laws<'_> {
    fn fresh(&self) -> Box<dyn Accumulator> {
        let mut states = accumulator(self.function, self.types);
        states.grow(GROUPS as usize);
        states
    }

    /// Folds `events` in batches that end before the events `cuts`.
    fn fold(&self, events: &[Event], cuts: &[Index]) -> Box<dyn Accumulator> {
        let mut states = accumulator(self.function, self.types);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(events.len() + 1)).collect();
        cuts.extend([0, events.len()]);
        cuts.sort_unstable();
        let columns = columns(self.types, events.iter().map(|(_, args)| args.as_slice()));
        for window in cuts.windows(2) {
            let rows: Vec<u32> = (window[0] as u32..window[1] as u32).collect();
            let groups: Vec<u32> = rows.iter().map(|&row| events[row as usize].0).collect();
            states.grow(groups.iter().max().map_or(0, |&group| group as usize + 1));
            states.update(&rows, &groups, &columns);
        }
        states.grow(GROUPS as usize);
        states
    }

    fn parts(&self, events: &[Event], cuts: &[Index; 3]) -> [Box<dyn Accumulator>; 3] {
        let mut at = [cuts[0], cuts[1]].map(|cut| cut.index(events.len() + 1));
        at.sort_unstable();
        [&events[..at[0]], &events[at[0]..at[1]], &events[at[1]..]]
            .map(|part| self.fold(part, cuts))
    }

    fn order_and_cuts_do_not_matter(
        &self,
        events: &[Event],
        shuffled: &[Event],
        cuts: &[Index],
    ) -> Result<(), TestCaseError> {
        let expected = self.fold(events, &[]);
        assert_same(&*self.fold(events, cuts), &*expected)?;
        assert_same(&*self.fold(shuffled, cuts), &*expected)
    }

    fn merging_is_associative_and_commutative(
        &self,
        events: &[Event],
        cuts: &[Index; 3],
    ) -> Result<(), TestCaseError> {
        let expected = self.fold(events, &[]);
        let merged = |order: [usize; 3]| {
            let mut parts = self.parts(events, cuts);
            let [a, b, c] = order;
            let (b, c) = (encodings(&*parts[b]), encodings(&*parts[c]));
            merge_all(&mut *parts[a], &b);
            merge_all(&mut *parts[a], &c);
            std::mem::replace(&mut parts[a], accumulator(self.function, self.types))
        };
        for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0]] {
            assert_same(&*merged(order), &*expected)?;
        }
        // The other association: a + (b + c).
        let [mut a, mut b, c] = self.parts(events, cuts);
        merge_all(&mut *b, &encodings(&*c));
        merge_all(&mut *a, &encodings(&*b));
        assert_same(&*a, &*expected)
    }

    fn a_fresh_group_is_the_identity(&self, events: &[Event]) -> Result<(), TestCaseError> {
        let expected = self.fold(events, &[]);
        let mut left = self.fresh();
        merge_all(&mut *left, &encodings(&*expected));
        assert_same(&*left, &*expected)?;
        let mut right = self.fold(events, &[]);
        merge_all(&mut *right, &encodings(&*self.fresh()));
        assert_same(&*right, &*expected)
    }

    fn states_are_self_delimiting(&self, events: &[Event]) -> Result<(), TestCaseError> {
        let expected = self.fold(events, &[]);
        let concatenated: Vec<u8> = encodings(&*expected).concat();
        let mut input = concatenated.as_slice();
        let mut read = self.fresh();
        for group in 0..GROUPS as usize {
            read.merge(group, &mut input).expect("a state reads back");
        }
        prop_assert!(input.is_empty());
        assert_same(&*read, &*expected)?;
        for (group, state) in encodings(&*expected).iter().enumerate() {
            for length in (0..state.len()).step_by(1 + state.len() / 50) {
                let refused = read.merge(group, &mut &state[..length]).is_err();
                prop_assert!(refused, "{length} of {} bytes are read as a state", state.len());
            }
        }
        assert_same(&*read, &*expected)
    }

    fn stored_columns_load_as_the_same_states(
        &self,
        events: &[Event],
        cuts: &[Index; 3],
    ) -> Result<(), TestCaseError> {
        let groups = [2, 0, 1];
        let mut loaded = self.fresh();
        for part in self.parts(events, cuts) {
            let column = part.store(&groups);
            prop_assert_eq!(column.len(), groups.len());
            prop_assert_eq!(is_of(&column, part.stored_type()), true, "{:?}", column);
            loaded.load(&groups, &column).expect("a stored column loads");
        }
        assert_same(&*loaded, &*self.fold(events, &[]))
    }

    fn bytes_that_are_no_state_change_nothing(&self, bytes: &[u8]) -> Result<(), TestCaseError> {
        let mut states = self.fresh();
        let before = encodings(&*states);
        if states.merge(1, &mut &*bytes).is_err() {
            prop_assert_eq!(encodings(&*states), before);
        }
        prop_assert!(states.memory_bytes() < 1 << 20, "{} bytes", states.memory_bytes());
        let column = Column::new(Data::Binary(vec![bytes.into()]));
        let _ = states.load(&[0], &column);
        presented(&*states);
        Ok(())
    }

    /// A state in which one byte was changed is refused or is another state, which reads back.
    fn a_wrong_byte_does_no_harm(
        &self,
        seed: &[u8],
        at: Index,
        byte: u8,
    ) -> Result<(), TestCaseError> {
        let events: Vec<_> = seed.iter().map(|&seed| (0, self.args_from(seed))).collect();
        let mut state = encodings(&*self.fold(&events, &[])).swap_remove(0);
        let at = at.index(state.len());
        state[at] = byte;
        let mut states = self.fresh();
        let before = encodings(&*states);
        match states.merge(0, &mut state.as_slice()) {
            Err(_) => prop_assert_eq!(encodings(&*states), before),
            Ok(()) => {
                let mut again = self.fresh();
                merge_all(&mut *again, &encodings(&*states));
                assert_same(&*again, &*states)?;
            }
        }
        prop_assert!(states.memory_bytes() < 1 << 20, "{} bytes", states.memory_bytes());
        Ok(())
    }

    fn args_from(&self, seed: u8) -> Vec<Value> {
        let number = i64::from(seed) - 100;
        let arg = |ty: &Type| match ty {
            Type::Boolean => Value::Boolean(seed > 128),
            Type::BigInt => Value::BigInt(number),
            Type::Double => Value::Double(number as f64 / 8.0),
            Type::Decimal { .. } => Value::Decimal(number.into()),
            Type::Varchar => Value::Varchar(format!("{number}")),
            Type::Timestamp { .. } => Value::Timestamp(number),
            Type::FrequentItems => Value::Null,
        };
        self.types.iter().map(arg).collect()
    }
}

fn assert_same(actual: &dyn Accumulator, expected: &dyn Accumulator) -> Result<(), TestCaseError> {
    prop_assert_eq!(encodings(actual), encodings(expected));
    prop_assert_eq!(presented(actual), presented(expected));
    Ok(())
}

fn encodings(states: &dyn Accumulator) -> Vec<Vec<u8>> {
    let encoding = |group| {
        let mut state = Vec::new();
        states.encode(group, &mut state);
        state
    };
    (0..GROUPS as usize).map(encoding).collect()
}

fn merge_all(into: &mut dyn Accumulator, states: &[Vec<u8>]) {
    for (group, state) in states.iter().enumerate() {
        let mut input = state.as_slice();
        into.merge(group, &mut input).expect("a state reads back");
        assert!(input.is_empty(), "{} bytes are left of a state", input.len());
    }
}

/// Everything that the states can present. Which of these an aggregate knows is its own matter;
/// the others ignore what is asked.
fn presented(states: &dyn Accumulator) -> Vec<String> {
    let presents = [
        Present::Value,
        Present::Percentile(0.5),
        Present::Moment(Moment::VarianceSample),
        Present::MostFrequent(3),
    ];
    presents.map(|present| format!("{:?}", states.present(present, &[0, 1, 2]))).to_vec()
}

fn is_of(column: &Column<'_>, ty: Option<Type>) -> bool {
    match ty {
        None => matches!(column.data, Data::Binary(_)),
        Some(ty) => {
            std::mem::discriminant(&column.data)
                == std::mem::discriminant(&Column::nulls(ty, 0).data)
        }
    }
}

/// The columns of rows of values.
fn columns<'a>(types: &[Type], rows: impl Iterator<Item = &'a [Value]> + Clone) -> Vec<Column<'a>> {
    let column = |(i, &ty): (usize, &Type)| {
        let mut column = Column::nulls(ty, rows.clone().count());
        let valid = column.valid.as_mut().expect("nulls have validity");
        for (row, value) in rows.clone().map(|row| &row[i]).enumerate() {
            valid[row] = true;
            match (value, &mut column.data) {
                (Value::Null, _) => valid[row] = false,
                (Value::Boolean(v), Data::Boolean(data)) => data[row] = *v,
                (Value::BigInt(v), Data::BigInt(data)) => data[row] = *v,
                (Value::Double(v), Data::Double(data)) => data[row] = *v,
                (Value::Decimal(v), Data::Decimal(data)) => data[row] = *v,
                (Value::Varchar(v), Data::Varchar(data)) => data[row] = v,
                (Value::Timestamp(v), Data::Timestamp(data)) => data[row] = *v,
                _ => panic!("{value:?} is no {ty}"),
            }
        }
        column.valid = column.valid.filter(|valid| valid.contains(&false));
        column
    };
    types.iter().enumerate().map(column).collect()
}

/// Values of a type, NULL among them, with the edges more often than chance would have them.
pub(super) fn any_value(ty: Type) -> BoxedStrategy<Value> {
    let value = match ty {
        Type::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Type::BigInt => any_integer().prop_map(Value::BigInt).boxed(),
        Type::Double => any_double().prop_map(Value::Double).boxed(),
        Type::Decimal { precision, .. } => {
            let nines = 10i128.pow(precision.into()) - 1;
            let any = prop_oneof![-nines..=nines, -100..100i128, Just(nines), Just(-nines)];
            any.prop_map(Value::Decimal).boxed()
        }
        Type::Varchar => prop_oneof![".{0,12}", "[a-e]?"].prop_map(Value::Varchar).boxed(),
        Type::Timestamp { .. } => any_integer().prop_map(Value::Timestamp).boxed(),
        Type::FrequentItems => unreachable!("no argument has this type"),
    };
    prop_oneof![1 => Just(Value::Null), 7 => value].boxed()
}

fn any_integer() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -5..5i64, Just(i64::MIN), Just(i64::MAX)]
}

/// Doubles that SQL has: finite, and zero is positive.
pub(super) fn any_double() -> impl Strategy<Value = f64> {
    use prop::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL};
    let any = NORMAL | SUBNORMAL | POSITIVE | NEGATIVE;
    let edges = [0.0, 0.1, 1.0, -1.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324];
    let close = (-4000..4000i32).prop_map(|v| f64::from(v) / 7.0);
    prop_oneof![any, close, prop::sample::select(edges.to_vec())].prop_map(|v| v + 0.0)
}

/// The state of one group after `events`.
pub(super) fn fold(
    function: Function,
    types: &[Type],
    events: &[Vec<Value>],
) -> Box<dyn Accumulator> {
    let mut states = accumulator(function, types);
    states.grow(1);
    let rows: Vec<u32> = (0..events.len() as u32).collect();
    let columns = columns(types, events.iter().map(Vec::as_slice));
    states.update(&rows, &vec![0; rows.len()], &columns);
    states
}

/// What the only group presents.
pub(super) fn value(states: &dyn Accumulator) -> Value {
    states.present(Present::Value, &[0]).value(0)
}

/// The bytes of group 0.
pub(super) fn encoded(states: &dyn Accumulator) -> Vec<u8> {
    let mut state = Vec::new();
    states.encode(0, &mut state);
    state
}

/// The bytes of a hexadecimal text, in which white space may stand.
pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).expect("hexadecimal"))
        .collect()
}

/// What a state, once written as `hex`, presents; it must also still be written that way.
pub(super) fn read(function: Function, types: &[Type], hex: &str) -> Value {
    value(&*decoded(function, types, hex))
}

/// The state of one group that was once written as `hex`, and must still be written that way.
pub(super) fn decoded(function: Function, types: &[Type], hex: &str) -> Box<dyn Accumulator> {
    let state = bytes(hex);
    let mut states = accumulator(function, types);
    states.grow(1);
    states.merge(0, &mut state.as_slice()).expect("a released state stays readable");
    let again = encoded(&*states);
    assert!(again == state, "a state's encoding changed to {:02x?}", &again[..again.len().min(64)]);
    states
}
