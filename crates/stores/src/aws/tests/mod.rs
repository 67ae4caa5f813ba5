//! The conformance suite on emulators of AWS: ministack for everything, and AWS's own DynamoDB Local
//! as the second opinion on every condition.
//!
//! `make aws-stores` starts both and runs this. Each fixture has tables and buckets of its own.

mod master;
mod stream;
pub(super) mod stub;

use super::item::{PARTITION_KEY, SORT_KEY};
use super::{Connection, Control, Layout, Master, Options, Speed, Views};
use anabranch_core::epoch::EpochLength;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::Runtime;

/// The runtime that drives the connections of all tests.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// Tells the tables of one fixture from those of another.
static FIXTURES: AtomicU32 = AtomicU32::new(0);

/// Runs a future on the tests' runtime.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// The URL of an emulator, which the environment has to name.
fn emulator(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: `make aws-stores` starts the emulators and runs these tests")
    })
}

pub(super) fn connect(endpoint: String) -> Connection {
    let options = Options { region: Some("us-east-1".to_owned()), endpoint: Some(endpoint) };
    wait(Connection::open(options)).unwrap()
}

pub(super) fn ministack() -> Connection {
    connect(emulator("ANABRANCH_MINISTACK"))
}

pub(super) fn dynamo_db_local() -> Connection {
    connect(emulator("ANABRANCH_DYNAMODB_LOCAL"))
}

/// A name that no other fixture of any run has.
pub(super) fn fresh_name(kind: &str) -> String {
    let number = FIXTURES.fetch_add(1, Ordering::Relaxed);
    format!("{kind}-{}-{number}", std::process::id())
}

/// Makes a table as the stack has it, and returns its name.
fn create_table(connection: &Connection, kind: &str, sort_key: ScalarAttributeType) -> String {
    let name = fresh_name(kind);
    let attribute = |name: &str, ty| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ty).build().unwrap()
    };
    let key = |name: &str, ty| {
        KeySchemaElement::builder().attribute_name(name).key_type(ty).build().unwrap()
    };
    let create = connection
        .dynamo_db()
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(PARTITION_KEY, ScalarAttributeType::S))
        .attribute_definitions(attribute(SORT_KEY, sort_key))
        .key_schema(key(PARTITION_KEY, KeyType::Hash))
        .key_schema(key(SORT_KEY, KeyType::Range))
        .send();
    wait(create).unwrap();
    name
}

/// The name of a new table for speed rows.
pub(super) fn speed_table(connection: &Connection) -> String {
    create_table(connection, "speed", ScalarAttributeType::B)
}

fn speed(connection: &Connection) -> Speed {
    // Small spans, so that the epochs of the suite lie in several.
    let layout = Layout { epochs_per_span: 3, buckets: 4 };
    wait(Speed::open(connection, &speed_table(connection), layout)).unwrap()
}

/// The name of a new table for control items.
fn control_table(connection: &Connection) -> String {
    create_table(connection, "control", ScalarAttributeType::S)
}

fn control(connection: &Connection) -> Control {
    Control::new(connection, &control_table(connection))
}

/// The name of a new bucket.
fn bucket(connection: &Connection, kind: &str) -> String {
    let name = fresh_name(kind);
    wait(connection.s3().create_bucket().bucket(&name).send()).unwrap();
    name
}

fn master_in(connection: &Connection, bucket: &str, table: &str) -> Master {
    Master::new(connection, bucket, table, EpochLength::from_millis(10_000).unwrap())
}

fn master(connection: &Connection) -> Master {
    master_in(connection, &bucket(connection, "raw"), &control_table(connection))
}

fn views(connection: &Connection) -> Views {
    Views::new(connection, &bucket(connection, "views"), 8 << 20)
}

mod on_ministack {
    use super::{control, master, ministack, speed, views};

    crate::speed_store_conformance!(speed(&ministack()), |speed| &speed);
    crate::control_conformance!(control(&ministack()), |control| &control);
    crate::master_data_set_conformance!(master(&ministack()), |master| &master);
    crate::view_store_conformance!(views(&ministack()), |views| &views);
}

mod on_dynamo_db_local {
    use super::{control, dynamo_db_local, speed};

    crate::speed_store_conformance!(speed(&dynamo_db_local()), |speed| &speed);
    crate::control_conformance!(control(&dynamo_db_local()), |control| &control);
}
