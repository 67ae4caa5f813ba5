//! Trying again, where that can help, and saying so.

use super::tally::Tally;
use std::time::{Duration, Instant};

/// The first pause before something is sent again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why something was not taken.
pub(super) struct Failure {
    pub(super) why: anyhow::Error,
    /// Whether and when to send it again.
    pub(super) again: Again,
}

/// What sending again can do.
pub(super) enum Again {
    /// The same would fail again.
    Never,
    /// It may help; what is left has not been taken.
    Unseen,
    /// The same, and some of it has been taken this time.
    #[cfg(feature = "aws")]
    PartlyTaken,
    /// It may help; what is left may have been taken all the same. The pause that is asked for.
    MaybeTaken(Option<Duration>),
}

/// For how long to try, and who counts.
#[derive(Clone, Copy)]
pub(super) struct Retry<'a> {
    pub(super) give_up_after: Duration,
    pub(super) tally: &'a Tally,
}

impl Retry<'_> {
    /// Makes `attempt` until it comes to something, or fails for good, or has failed for too long
    /// without getting on.
    pub(super) fn insist<T>(
        self,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> anyhow::Result<T> {
        let mut failing_since = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let Failure { why, again } = match attempt() {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let (wanted, maybe_taken) = match again {
                Again::Never => return Err(why),
                Again::Unseen => (None, false),
                #[cfg(feature = "aws")]
                Again::PartlyTaken => {
                    (failing_since, pause) = (None, FIRST_PAUSE);
                    (None, false)
                }
                Again::MaybeTaken(wanted) => (wanted, true),
            };
            let since: &mut Instant = failing_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= self.give_up_after {
                let tried = self.give_up_after.as_secs_f64();
                return Err(why.context(format!("given up after {tried} s")));
            }
            self.tally.retry(&why, maybe_taken);
            std::thread::sleep(wanted.unwrap_or(pause).min(LONGEST_PAUSE));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
