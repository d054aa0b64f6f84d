//! A store of objects that can be written on a condition. [`crate::aws`] has the one of S3; the tests have one in memory.

use std::time::Duration;

use super::super::Answer;

/// The bytes of an object, and what distinguishes this version of it from every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub body: Vec<u8>,
    pub tag: Tag,
    /// How long ago it was written, by the clock of the store.
    pub age: Duration,
}

/// An entity tag, as the store writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(pub String);

/// When an object may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is no object of this name.
    Absent,
    /// The object is still this version.
    Unchanged(Tag),
}

/// The answer to a write on a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// The object is written, and this is its version.
    Yes(Tag),
    /// The condition does not hold, so nothing is written. If an earlier answer was lost and the call was repeated, the
    /// object may be the one that this call wrote.
    No,
    /// Another write of the same object was in progress. Nothing is written.
    Conflict,
}

/// The calls of a store of objects. Every one may be repeated by the implementation, with the same condition.
pub trait Objects: Send + Sync {
    /// The place of an object, for messages: `s3://bucket/key`.
    fn place(&self, key: &str) -> String;

    /// The object; `None` if there is none.
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Object>>;

    /// Writes the object if the condition holds.
    fn put<'a>(&'a self, key: &'a str, body: Vec<u8>, when: Condition) -> Answer<'a, Written>;

    /// Deletes the object if it is still this version. Succeeds if it is not, or if it is gone.
    fn delete<'a>(&'a self, key: &'a str, version: &'a Tag) -> Answer<'a, ()>;

    /// The keys that begin with `prefix`.
    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<String>>;

    /// Whether it is known to honour conditions. Others are asked before they are trusted.
    fn honours_conditions(&self) -> bool;
}
