//! Tasks: futures over the shipping code, polled by hand.
//!
//! There is no executor to speak of. A task stands between two calls of the stores until a step lets
//! it go on; nothing wakes it, so the waker does nothing.

use crate::question::Question;
use crate::witness::Seen;
use crate::world::Instance;
use anabranch_core::pipeline::absorb::Absorbed;
use anabranch_core::pipeline::archive::Archived;
use anabranch_core::pipeline::build::Built;
use anabranch_core::port::{Error, Result};
use anabranch_core::project::Project;
use anabranch_core::query::Answer;
use anabranch_core::view::Fingerprint;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A function, a batch run or a reader at work.
pub(crate) struct Task {
    pub(crate) id: u64,
    pub(crate) future: Pin<Box<dyn Future<Output = Done>>>,
    pub(crate) is_batch: bool,
    /// The shard that it absorbs.
    pub(crate) absorbs: Option<usize>,
    /// The project that it writes by.
    pub(crate) project: Option<Arc<Project>>,
    /// The step at which it began.
    pub(crate) begun: usize,
}

/// How a task ended.
pub(crate) enum Done {
    Archived {
        shard: usize,
        result: Result<Archived>,
        redriven: Option<Range<usize>>,
    },
    Absorbed {
        shard: usize,
        result: std::result::Result<Absorbed, (usize, Error)>,
        instance: Box<Instance>,
    },
    Batch {
        name: String,
        result: Result<Ran>,
    },
    Read(Box<Read>),
}

/// What a batch run did.
pub(crate) struct Ran {
    pub(crate) built: Option<Built>,
    /// The project as it serves from then on.
    pub(crate) project: Arc<Project>,
}

/// What a reader brought back.
pub(crate) struct Read {
    pub(crate) question: Question,
    pub(crate) view: Fingerprint,
    pub(crate) answer: Result<Answer>,
    pub(crate) seen: Seen,
    pub(crate) seen_records: Seen,
}

/// Lets a task go on to its next call.
pub(crate) fn poll(task: &mut Task) -> Option<Done> {
    match task.future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}
