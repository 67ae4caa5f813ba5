//! A bucket of S3: the few operations that the stores need, each atomic on one object.
//!
//! S3 reads what was written and lists what is there, at once. A put may be conditional: that there
//! is no object yet, or still the one that was read. A reply that got lost is asked for again by the
//! SDK, so a condition may fail on the caller's own earlier try: whoever cares looks what is there.
//!
//! What is sent carries a CRC that S3 checks, and a whole object's is checked when it comes back.

use super::connection::Connection;
use super::error::failed;
use super::runtime::Runtime;
use anabranch_core::port::{Error, Result};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::ops::Range;

/// How often a conditional put is sent that S3 refuses only because another is under way.
const CONFLICTS: u32 = 10;
/// How often an object is fetched whose bytes stop coming.
const FETCHES: u32 = 3;
/// Objects that are removed at once.
const DELETES_AT_ONCE: usize = 16;

/// A bucket.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    client: Client,
    runtime: Runtime,
    name: String,
}

/// What a put needs to be there before it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition<'a> {
    /// No object.
    Absent,
    /// The object that was read with this tag.
    Unchanged(&'a str),
    /// Nothing: whatever is there is replaced.
    None,
}

/// An object, or a stretch of it, as it was fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) bytes: Bytes,
    /// The whole object's length.
    pub(super) length: u64,
    /// Changes whenever the object does.
    pub(super) tag: String,
}

impl Bucket {
    pub(super) fn new(connection: &Connection, name: &str) -> Self {
        let runtime = connection.runtime();
        Bucket { client: connection.s3(), runtime, name: name.to_owned() }
    }

    /// What errors call an object.
    pub(super) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// Puts an object if the condition holds; returns whether it did.
    pub(super) async fn put(
        &self,
        key: &str,
        bytes: impl Into<Bytes>,
        condition: Condition<'_>,
    ) -> Result<bool> {
        let bytes = bytes.into();
        let mut conflicts = 0;
        loop {
            let put = self.client.put_object().bucket(&self.name).key(key);
            let put = match condition {
                Condition::Absent => put.if_none_match("*"),
                Condition::Unchanged(tag) => put.if_match(tag),
                Condition::None => put,
            };
            let put = put.body(ByteStream::from(bytes.clone())).send();
            let Err(error) = self.runtime.run(put).await else { return Ok(true) };
            match error.code() {
                Some("PreconditionFailed") => return Ok(false),
                // The object that should be unchanged is gone.
                Some("NoSuchKey") if matches!(condition, Condition::Unchanged(_)) => {
                    return Ok(false);
                }
                Some("ConditionalRequestConflict") if conflicts < CONFLICTS => conflicts += 1,
                _ => return Err(failed(self.url(key), &error)),
            }
        }
    }

    /// A whole object.
    pub(super) async fn get(&self, key: &str) -> Result<Fetched> {
        self.fetch(key, |get| get).await
    }

    /// A stretch of an object.
    pub(super) async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Fetched> {
        let header = format!("bytes={}-{}", range.start, range.end - 1);
        self.fetch(key, |get| get.range(&header)).await
    }

    /// The last bytes of an object: up to `length`, all if it has fewer.
    pub(super) async fn get_tail(&self, key: &str, length: u64) -> Result<Fetched> {
        let header = format!("bytes=-{length}");
        self.fetch(key, |get| get.range(&header)).await
    }

    async fn fetch(
        &self,
        key: &str,
        which: impl Fn(GetObjectFluentBuilder) -> GetObjectFluentBuilder,
    ) -> Result<Fetched> {
        let mut fetches = 1;
        loop {
            let get = which(self.client.get_object().bucket(&self.name).key(key)).send();
            let got = self.runtime.run(get).await.map_err(|e| self.not_got(key, &e))?;
            let tag = got.e_tag.unwrap_or_default();
            // `bytes 10-19/1000`
            let total = got.content_range.as_deref().and_then(|range| range.rsplit_once('/'));
            let total = total.and_then(|(_, total)| total.parse().ok());
            match self.runtime.run(got.body.collect()).await {
                Ok(body) => {
                    let bytes = body.into_bytes();
                    let length = total.unwrap_or(bytes.len() as u64);
                    return Ok(Fetched { bytes, length, tag });
                }
                Err(error) if fetches >= FETCHES => {
                    let (object, reason) = (self.url(key), error.to_string());
                    return Err(Error::Unavailable { object, reason });
                }
                Err(_) => fetches += 1,
            }
        }
    }

    fn not_got<E>(&self, key: &str, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        match error.code() {
            Some("NoSuchKey") => Error::NotFound { object: self.url(key) },
            _ => failed(self.url(key), error),
        }
    }

    /// The keys that begin with `prefix` and come behind `after`, in order.
    pub(super) async fn list(&self, prefix: &str, after: &str) -> Result<Vec<String>> {
        Ok(self.list_sizes(prefix, after).await?.into_iter().map(|(key, _)| key).collect())
    }

    /// The same, with each object's size.
    pub(super) async fn list_sizes(&self, prefix: &str, after: &str) -> Result<Vec<(String, u64)>> {
        let mut list = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
        if !after.is_empty() {
            list = list.start_after(after);
        }
        let mut pages = list.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = self.runtime.run(pages.next()).await {
            let page = page.map_err(|e| failed(self.url(prefix), &e))?;
            for object in page.contents.unwrap_or_default() {
                let size = object.size.and_then(|size| u64::try_from(size).ok());
                keys.extend(object.key.map(|key| (key, size.unwrap_or(0))));
            }
        }
        Ok(keys)
    }

    /// The folders right below `prefix`: what keys go on with up to the next slash, that included.
    pub(super) async fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let list = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).delimiter("/");
        let mut pages = list.into_paginator().send();
        let mut folders = Vec::new();
        while let Some(page) = self.runtime.run(pages.next()).await {
            let page = page.map_err(|e| failed(self.url(prefix), &e))?;
            let found = page.common_prefixes.unwrap_or_default();
            folders.extend(found.into_iter().filter_map(|folder| folder.prefix));
        }
        Ok(folders)
    }

    /// Removes objects. One that is not there is removed already.
    pub(super) async fn delete(&self, keys: Vec<String>) -> Result<()> {
        let deletes: Vec<_> = keys.into_iter().map(|key| self.delete_one(key)).collect();
        stream::iter(deletes).buffer_unordered(DELETES_AT_ONCE).try_collect().await
    }

    async fn delete_one(&self, key: String) -> Result<()> {
        let delete = self.client.delete_object().bucket(&self.name).key(&key).send();
        self.runtime.run(delete).await.map_err(|e| failed(self.url(&key), &e))?;
        Ok(())
    }
}
