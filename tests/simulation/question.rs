//! The questions that are asked of each view, and what plain loops answer.
//!
//! The oracle shares no code with the fold: it goes through events one by one.

use crate::event::{DAY, Event, HOUR, KINDS, MINUTE};
use crate::project::Traffic;
use anabranch_core::project::Project;
use anabranch_core::query::{Answer, Query};
use anabranch_core::types::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Traffic,
    Totals,
    Audience,
}

impl Which {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Which::Traffic => "traffic",
            Which::Totals => "totals",
            Which::Audience => "audience",
        }
    }

    /// Whether the view counts an event, where it is defined as `traffic` says.
    pub(crate) fn takes(self, event: &Event, traffic: Traffic) -> bool {
        match self {
            Which::Traffic => traffic != Traffic::Fewer || event.site != 2,
            Which::Totals => event.quarters > -36,
            Which::Audience => true,
        }
    }

    /// The event's key and bucket in the view: as a small number, and in microseconds.
    pub(crate) fn key(self, event: &Event) -> (u8, i64) {
        match self {
            Which::Traffic => (event.site, event.time.div_euclid(MINUTE) * MINUTE),
            Which::Totals => (event.kind, 0),
            Which::Audience => (event.site, event.time.div_euclid(HOUR) * HOUR),
        }
    }
}

/// A question.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) which: Which,
    pub(crate) parameters: Vec<(&'static str, &'static str)>,
    /// The width of the answer's buckets; 0 is all time.
    width: i64,
    grouped: bool,
    site: Option<u8>,
}

/// Rows by key (-1 where not grouped) and bucket: the measures, NULL as `None`.
pub(crate) type Rows = BTreeMap<(i16, i64), Vec<Option<i128>>>;

impl Question {
    /// Every question there is about the views of `project`.
    pub(crate) fn all(project: &Project) -> Vec<Question> {
        let question =
            |which, parameters: &[(&'static str, &'static str)], width, grouped, site| {
                let view = project.view(which_name(which)).expect("the view is there");
                Query::parse(view, parameters.iter().copied()).expect("it can be asked");
                Question { which, parameters: parameters.to_vec(), width, grouped, site }
            };
        use Which::{Audience, Totals, Traffic};
        vec![
            question(Traffic, &[], MINUTE, true, None),
            question(Traffic, &[("every", "1d"), ("group_by", "")], DAY, false, None),
            question(Traffic, &[("every", "1h"), ("where", "site=site-1")], HOUR, true, Some(1)),
            question(Traffic, &[("every", "all")], 0, true, None),
            question(Traffic, &[("where", "site=site-0")], MINUTE, true, Some(0)),
            question(Totals, &[], 0, true, None),
            question(Totals, &[("group_by", "")], 0, false, None),
            question(Audience, &[], HOUR, true, None),
            question(Audience, &[("every", "1d"), ("group_by", "")], DAY, false, None),
        ]
    }

    /// Whether it is about all of a view, without a filter.
    pub(crate) fn is_whole(&self) -> bool {
        self.site.is_none()
    }

    /// The answer over exactly `events`.
    pub(crate) fn expected<'e>(
        &self,
        traffic: Traffic,
        events: impl Iterator<Item = &'e Event>,
    ) -> Rows {
        let mut groups: BTreeMap<(i16, i64), Vec<&Event>> = BTreeMap::new();
        for event in events {
            let (key, bucket) = self.which.key(event);
            let wanted = self.site.is_none_or(|site| site == key);
            if wanted && self.which.takes(event, traffic) {
                let key = if self.grouped { i16::from(key) } else { -1 };
                let bucket =
                    if self.width == 0 { 0 } else { bucket.div_euclid(self.width) * self.width };
                groups.entry((key, bucket)).or_default().push(event);
            }
        }
        groups.into_iter().map(|(key, events)| (key, measures(self.which, &events))).collect()
    }

    /// The rows of an answer.
    pub(crate) fn rows(&self, answer: &Answer) -> Result<Rows, String> {
        let bucketed = self.width > 0;
        let mut rows = Rows::new();
        for row in &answer.rows {
            let mut values = row.iter();
            let mut next = || values.next().ok_or_else(|| format!("{row:?} is too short"));
            let key = if self.grouped { code(next()?)? } else { -1 };
            let bucket = if bucketed { timestamp(next()?)? } else { 0 };
            let measures = values.map(number).collect::<Result<_, _>>()?;
            if rows.insert((key, bucket), measures).is_some() {
                return Err(format!("{row:?} is there twice"));
            }
        }
        Ok(rows)
    }
}

fn which_name(which: Which) -> &'static str {
    which.name()
}

fn measures(which: Which, events: &[&Event]) -> Vec<Option<i128>> {
    let count = |taken: &dyn Fn(&Event) -> bool| {
        Some(events.iter().filter(|event| taken(event)).count() as i128)
    };
    let amounts = || events.iter().filter_map(|event| event.amount.map(i128::from));
    let sum = |amounts: Vec<i128>| (!amounts.is_empty()).then(|| amounts.iter().sum());
    let is_buy = |event: &Event| KINDS[usize::from(event.kind)] == "buy";
    match which {
        Which::Traffic => {
            vec![count(&|_| true), sum(amounts().collect()), amounts().min(), count(&is_buy)]
        }
        Which::Totals => {
            let elsewhere = events.iter().filter(|event| event.site != 1);
            let elsewhere = elsewhere.filter_map(|event| event.amount.map(i128::from)).collect();
            vec![
                Some(amounts().count() as i128),
                amounts().max(),
                Some(events.iter().map(|event| i128::from(event.quarters)).sum()),
                sum(elsewhere),
            ]
        }
        Which::Audience => {
            let visitors: BTreeSet<u8> = events.iter().map(|event| event.visitor).collect();
            let buyers = events.iter().filter(|event| is_buy(event)).map(|event| event.visitor);
            let buyers: BTreeSet<u8> = buyers.collect();
            vec![Some(visitors.len() as i128), Some(buyers.len() as i128)]
        }
    }
}

/// A key's small number: that of `site-2`, of a kind, of a visitor.
pub(crate) fn code_of(text: &str) -> Option<u8> {
    match text.strip_prefix("site-") {
        Some(site) => site.parse().ok(),
        None => KINDS.iter().position(|kind| *kind == text).map(|at| at as u8),
    }
}

fn code(value: &Value) -> Result<i16, String> {
    match value {
        Value::Varchar(text) => code_of(text).map(i16::from),
        _ => None,
    }
    .ok_or_else(|| format!("{value:?} is no key"))
}

fn timestamp(value: &Value) -> Result<i64, String> {
    match value {
        Value::Timestamp(micros) => Ok(*micros),
        other => Err(format!("{other:?} is no bucket")),
    }
}

/// A DOUBLE in quarters, everything else as it is.
fn number(value: &Value) -> Result<Option<i128>, String> {
    Ok(match value {
        Value::Null => None,
        Value::BigInt(number) => Some(i128::from(*number)),
        Value::Decimal(number) => Some(*number),
        Value::Double(number) if (number * 4.0).fract() == 0.0 => Some((number * 4.0) as i128),
        other => return Err(format!("{other:?} is no measure of these views")),
    })
}
