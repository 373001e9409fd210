//! Ends at which nothing is wrong, for tests to break.

use crate::archive::{DumpId, Pass, Toc, TocEntry};
use crate::catalog::{ObjectId, Section};
use crate::connection::ServerVersion;

use super::facts::{ConnectionFacts, LocaleFacts, RoleFacts, ServerFacts, SourceFacts, TargetFacts};
use super::finding::{Finding, Severity};
use super::rules::Situation;
use super::wanted::{RunShape, Wanted};

/// Two ends and an archive.
pub(crate) struct Sample {
    pub(crate) source: SourceFacts,
    pub(crate) target: TargetFacts,
    pub(crate) wanted: Wanted,
    toc: Toc,
}

impl Sample {
    /// An empty archive between two servers of version 15, as superusers.
    pub(crate) fn new() -> Self {
        let source = SourceFacts::of_stranger(server(1));
        let target = TargetFacts::of_stranger(server(2));
        Self { source, target, wanted: Wanted::default(), toc: Toc::default() }
    }

    /// Adds an entry of the schema `public`.
    pub(crate) fn add(&mut self, desc: &'static str, tag: &str, sql: &str) {
        self.push(TocEntry { tag: tag.to_owned(), ..entry(desc, sql) });
    }

    /// Adds an entry that gets an owner.
    pub(crate) fn add_owned(&mut self, desc: &'static str, tag: &str, owner: &str) {
        let entry = entry(desc, "CREATE …;\n");
        self.push(TocEntry { tag: tag.into(), owner: Some(owner.into()), set_owner: "ALTER …;\n".into(), ..entry });
    }

    fn push(&mut self, entry: TocEntry) {
        self.toc.entries.push(entry);
        self.wanted = Wanted::new(&self.toc, self.wanted.shape.clone());
    }

    /// What one rule finds.
    pub(crate) fn find(&self, rule: fn(&Situation<'_>) -> Vec<Finding>) -> Vec<Finding> {
        rule(&Situation { source: Some(&self.source), target: &self.target, wanted: &self.wanted })
    }

    /// The words of all rules that find something.
    pub(crate) fn words(&self) -> Vec<&'static str> {
        super::judge(Some(&self.source), &self.target, &self.wanted).findings.iter().map(|finding| finding.rule).collect()
    }
}

/// What the errors among `findings` say.
pub(crate) fn errors(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|f| f.severity == Severity::Error).map(|finding| finding.what.as_str()).collect()
}

/// An entry with this SQL.
pub(crate) fn entry(desc: &'static str, sql: &str) -> TocEntry {
    TocEntry {
        id: DumpId(1),
        object: ObjectId::relation(1),
        desc,
        tag: "k".into(),
        schema: Some("public".into()),
        owner: None,
        section: Section::PreData,
        pass: Pass::Main,
        create: sql.to_owned(),
        steps: Vec::new(),
        drop: String::new(),
        set_owner: String::new(),
        tablespace: None,
        access_method: None,
        dependencies: Vec::new(),
        data: None,
    }
}

fn server(started_micros: i64) -> ServerFacts {
    ServerFacts {
        describe: "loader@host:5432/db".into(),
        look_alike: None,
        version: ServerVersion::from_number(150_018),
        database: "db".into(),
        encoding: "UTF8".into(),
        locale: LocaleFacts { provider: 'c', collation: "C".into(), character_type: "C".into(), ..LocaleFacts::default() },
        role: RoleFacts {
            name: "loader".into(),
            is_superuser: true,
            can_create_in_database: true,
            has_public: true,
            can_create_in_public: true,
            can_be_replica: true,
            can_stop_event_triggers: false,
        },
        is_pooled: false,
        is_in_recovery: false,
        is_read_only: false,
        hot_standby_feedback: false,
        max_standby_streaming_delay: "30s".into(),
        max_identifier_length: 63,
        connections: ConnectionFacts { maximum: 100, database_limit: -1, role_limit: -1, ..ConnectionFacts::default() },
        lock_capacity: 6400,
        started_micros,
    }
}

#[test]
fn nothing_is_wrong_with_the_sample() {
    let sample = Sample { wanted: Wanted { shape: RunShape::default(), ..Wanted::default() }, ..Sample::new() };
    assert_eq!(sample.words(), ["disk"]);
}
