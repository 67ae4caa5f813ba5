//! Asking: readers that go on call by call, and looks at an answer of this very moment.

use crate::check;
use crate::coverage::Kind;
use crate::design::Design;
use crate::function::length;
use crate::kinesis::Content;
use crate::project::{Deployment, Traffic};
use crate::question::{Question, Which};
use crate::random::Random;
use crate::task::{Done, Read};
use crate::witness::{Kept, Witness};
use crate::world::{Fate, World};
use anabranch_core::port::{Control, Error, SpeedStore, ViewStore};
use anabranch_core::query;
use anabranch_core::view::Fingerprint;
use futures::FutureExt as _;
use std::rc::Rc;
use std::sync::Arc;

async fn ask<V: ViewStore, S: SpeedStore, C: Control>(
    stores: (&V, &S, &C),
    deployment: &Deployment,
    question: Question,
    design: Design,
    kept: Kept,
) -> Read {
    let witness = Witness::new(stores.0, stores.1, stores.2, design, kept);
    let project = &deployment.project;
    let view = project.view(question.which.name()).expect("it was chosen among those there are");
    let parameters = &question.parameters;
    let answer =
        query::ask(project, view, parameters, length(), &witness, &witness, &witness).await;
    let answer = answer.map_err(|error| match error {
        query::Error::Store(error) => error,
        query::Error::Parameter(error) => {
            Error::Refused { object: view.name.clone(), reason: error.to_string() }
        }
    });
    // The receipt says which definition answered.
    let fingerprint = answer.as_ref().map_or(view.fingerprint, |answer| answer.receipt.fingerprint);
    let records = project.records_of(fingerprint).fingerprint;
    Read {
        view: fingerprint,
        seen: witness.seen(fingerprint),
        seen_records: witness.seen(records),
        answer,
        question,
    }
}

impl World<'_> {
    /// The questions that the deployment can answer.
    fn questions(&self) -> impl Iterator<Item = &Question> {
        let absent = self.deployment.traffic == Traffic::Absent;
        let all = self.common.questions.iter();
        all.filter(move |question| !absent || question.which != Which::Traffic)
    }

    /// Which events the definition takes.
    fn traffic_of(&self, view: Fingerprint) -> Traffic {
        let fewer = &self.common.deployments.fewer.project;
        let is_fewer = fewer.view("traffic").is_some_and(|fewer| fewer.fingerprint == view);
        if is_fewer { Traffic::Fewer } else { Traffic::All }
    }

    fn choose(&self, random: &mut Random) -> Question {
        let questions: Vec<&Question> = self.questions().collect();
        questions[random.below(questions.len())].clone()
    }

    /// A reader begins; it stands before its first call.
    pub(crate) fn begin_read(&mut self, random: &mut Random) {
        // A kept pointer is read anew now and then.
        if random.chance(30) {
            self.kept = Kept::default();
        }
        if self.tasks.len() >= 14 {
            return;
        }
        let question = self.choose(random);
        let id = self.new_task();
        self.note(|| {
            format!("#{id}: a reader asks {} {:?}", question.which.name(), question.parameters)
        });
        let (deployment, design) = (self.deployment.clone(), self.outside.design);
        let (stores, kept) = (Rc::clone(&self.outside.stores), Arc::clone(&self.kept));
        self.spawn(id, async move {
            let stores = (&stores.views, &stores.speed, &stores.control);
            Done::Read(Box::new(ask(stores, &deployment, question, design, kept).await))
        });
    }

    /// An answer of this very moment.
    fn ask_now(&self, question: &Question) -> Read {
        let stores = &*self.outside.stores;
        let stores = (stores.views.inner(), stores.speed.inner(), stores.control.inner());
        let (design, kept) = (self.outside.design, Arc::clone(&self.kept));
        ask(stores, &self.deployment, question.clone(), design, kept)
            .now_or_never()
            .expect("stores in memory do not wait")
    }

    /// Looks at one question's answer.
    pub(crate) fn look(&mut self, random: &mut Random) -> Fate {
        let question = self.choose(random);
        let read = self.ask_now(&question);
        self.verify(&read, true)
    }

    /// Looks at every question's answer. Each must cover every record, and be complete; unless that
    /// is not a `must`, and something happened that excuses it.
    pub(crate) fn look_at_all(&mut self, place: &str, must: bool) -> Fate {
        let questions: Vec<Question> = self.questions().cloned().collect();
        for question in questions {
            let read = self.ask_now(&question);
            let name = question.which.name();
            // Of a wrong design only its lies count.
            let is_wrong = self.outside.design != Design::Shipping;
            let answer = match &read.answer {
                Ok(answer) => answer,
                Err(_) if is_wrong => continue,
                Err(error) => return Err(format!("{place}: {name}: {error}")),
            };
            if let Some(because) = &answer.receipt.incomplete_because {
                if is_wrong || (!must && self.excused) {
                    continue;
                }
                return Err(format!("{place}: {name} is incomplete: {because}"));
            }
            if self.reads_bug(&read) {
                continue;
            }
            let kinesis = Rc::clone(&self.outside.kinesis);
            let covered = check::verify(
                &kinesis.borrow(),
                self.traffic_of(read.view),
                &read,
                answer,
                self.outside.design,
            );
            let covered = covered.map_err(|error| format!("{place}: {error}"))?;
            // What was given up and has nothing behind it looks like what is still to come.
            if must || !self.excused {
                check_all(&kinesis.borrow(), &covered)
                    .map_err(|error| format!("{place}: {name}: {error}"))?;
            }
        }
        Ok(())
    }

    /// Whether an answer comes from a build with the bug.
    fn reads_bug(&self, read: &Read) -> bool {
        let is_traffic = read.question.which == Which::Traffic;
        let pointer = read.seen.pointer.as_ref();
        is_traffic && pointer.is_some_and(|pointer| self.is_tainted(read.view, &pointer.build))
    }

    /// Checks an answer. `now`: it is of this very moment.
    pub(crate) fn verify(&mut self, read: &Read, now: bool) -> Fate {
        // What is added without a watermark does not say how far it has come: it is judged at rest.
        if self.outside.design.adds() {
            return Ok(());
        }
        let answer = match &read.answer {
            Ok(answer) => answer,
            Err(_) if self.outside.design != Design::Shipping => return Ok(()),
            Err(Error::Unavailable { .. } | Error::NotFound { .. }) if !now => {
                self.count(Kind::ReaderFailed);
                return Ok(());
            }
            Err(error) => return Err(format!("no answer: {error}")),
        };
        if let Some(because) = &answer.receipt.incomplete_because {
            self.count(Kind::ReaderIncomplete);
            let excused = self.excused || self.outside.design != Design::Shipping;
            return if excused {
                Ok(())
            } else {
                Err(format!("incomplete without a reason: {because}"))
            };
        }
        if answer.receipt.superseded_by.is_some() {
            self.count(Kind::ServedOn);
        }
        if self.reads_bug(read) {
            return Ok(());
        }
        let kinesis = Rc::clone(&self.outside.kinesis);
        let kinesis = kinesis.borrow();
        let covered =
            check::verify(&kinesis, self.traffic_of(read.view), read, answer, self.outside.design)?;
        if now && read.question.is_whole() {
            let before = self.covered.insert(read.view, covered.clone()).unwrap_or_default();
            for (shard, before) in before.iter().enumerate() {
                // What the view does not take leaves no trace in its rows, only in the checkpoint,
                // which may be lost.
                let takes = |at: usize| match &kinesis.shards[shard].log[at].content {
                    Content::Event(event) => {
                        read.question.which.takes(event, self.traffic_of(read.view))
                    }
                    _ => false,
                };
                let lost =
                    (0..before.len()).find(|&at| before[at] && !covered[shard][at] && takes(at));
                if let Some(at) = lost {
                    return Err(format!(
                        "{} covered record {} of shard {shard} before, and now does not",
                        read.question.which.name(),
                        kinesis.shards[shard].log[at].sequence
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Every event is covered.
fn check_all(kinesis: &crate::kinesis::Kinesis, covered: &check::Covered) -> Fate {
    for (shard, covered) in kinesis.shards.iter().zip(covered) {
        for (stored, covered) in shard.log.iter().zip(covered) {
            if matches!(stored.content, Content::Event(_)) && !covered {
                return Err(format!("record {} of {} is not covered", stored.sequence, shard.id));
            }
        }
    }
    Ok(())
}
