use anabranch_core::epoch::Epoch;
use anabranch_core::port::*;
use anabranch_core::record::{Record, ShardId};
use anabranch_core::view::Fingerprint;
use std::ops::Range;
pub enum Fault {
    None,
    FailBefore,
    FailAfter,
}
pub struct Faulty<S> {
    inner: S,
    plan: Box<dyn Fn(&str, u64) -> Fault + Send + Sync>,
}
impl<S> Faulty<S> {
    pub fn new(inner: S, plan: impl Fn(&str, u64) -> Fault + Send + Sync + 'static) -> Self {
        Faulty { inner, plan: Box::new(plan) }
    }
    fn gone(&self) -> Error {
        Error::Unavailable { object: "x".into(), reason: "y".into() }
    }
}
macro_rules! f {
    ($s:ident, $n:expr, $e:expr) => {{
        match ($s.plan)($n, 0) {
            Fault::FailBefore => Err($s.gone()),
            Fault::None => $e.await,
            Fault::FailAfter => {
                $e.await?;
                Err($s.gone())
            }
        }
    }};
}
impl<S: MasterDataSet> MasterDataSet for Faulty<S> {
    async fn put_if_absent(&self, info: &ObjectInfo, records: &[Record<'_>]) -> Result<PutObject> {
        f!(self, "p", self.inner.put_if_absent(info, records))
    }
    async fn objects(&self, e: Range<Epoch>) -> Result<Vec<ObjectInfo>> {
        f!(self, "o", self.inner.objects(e))
    }
    async fn tail(&self, s: &ShardId) -> Result<Option<ObjectInfo>> {
        f!(self, "t", self.inner.tail(s))
    }
    async fn scan(&self, o: &ObjectInfo, fi: Fields, v: VisitRecords<'_>) -> Result<()> {
        f!(self, "s", self.inner.scan(o, fi, v))
    }
}
impl<S: SpeedStore> SpeedStore for Faulty<S> {
    async fn put_rows(&self, mut puts: Vec<PutRow>) -> Result<Vec<RowOutcome>> {
        match (self.plan)("p", 0) {
            Fault::FailBefore => Err(self.gone()),
            Fault::None => self.inner.put_rows(puts).await,
            Fault::FailAfter => {
                let n = puts.len();
                puts.truncate(1 + n / 2);
                self.inner.put_rows(puts).await?;
                Err(self.gone())
            }
        }
    }
    async fn scan(&self, f: Fingerprint, p: &[u8], e: Epoch, v: VisitRows<'_>) -> Result<Epoch> {
        self.inner.scan(f, p, e, v).await
    }
    async fn expire(&self, f: Fingerprint, b: Epoch) -> Result<u64> {
        f!(self, "e", self.inner.expire(f, b))
    }
}
