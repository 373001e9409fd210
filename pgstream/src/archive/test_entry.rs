//! Entries made by hand, for tests.

use crate::catalog::{ObjectId, Section};

use super::toc::{DumpId, Pass, TocEntry};

/// An entry of the pre-data section that makes nothing.
pub(crate) fn entry(number: u32, desc: &'static str, tag: &str) -> TocEntry {
    TocEntry {
        id: DumpId(number),
        object: ObjectId::relation(number),
        desc,
        tag: tag.to_owned(),
        schema: Some("public".into()),
        owner: Some("me".into()),
        section: Section::PreData,
        pass: Pass::Main,
        create: String::new(),
        steps: Vec::new(),
        drop: String::new(),
        set_owner: String::new(),
        tablespace: None,
        access_method: None,
        dependencies: Vec::new(),
        data: None,
    }
}
