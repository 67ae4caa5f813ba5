//! The same through the shipping store and AWS's SDK, over HTTP, to a sink: requests are built,
//! signed and sent as on AWS, but for TLS.

use crate::speed::Function;
use crate::{deliveries, meter};
use anabranch_core::project::Project;
use anabranch_stores::aws::{Connection, Layout, Options, Speed};
use anabranch_stores::memory;
use std::path::Path;
use std::sync::Arc;

/// Takes every delivery of a folder and says what that cost.
pub(crate) fn run(project: &Arc<Project>, dir: &Path, url: &str) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let events = deliveries::read(dir)?;
    let options = Options { region: Some("us-east-1".to_owned()), endpoint: Some(url.to_owned()) };
    let speed = runtime.block_on(async {
        let connection = Connection::open(options).await?;
        Speed::open(&connection, "speed", Layout::default()).await
    })?;
    let control = memory::Control::default();
    let mut function = Function::new(project, 0, &speed, &control)?;
    let (mut records, begun) = (0, meter::cpu_seconds());
    for event in &events {
        records += function.invoke(event)?;
    }
    let cpu = meter::cpu_seconds() - begun;
    println!(
        "{}",
        serde_json::json!({
            "events": records, "deliveries": events.len(), "cpu_s": cpu, "peak_mb": meter::peak_mb(),
        })
    );
    Ok(())
}
