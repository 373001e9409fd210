//! Compares what the target holds with what the script had.

use std::collections::{BTreeMap, HashSet};

use crate::archive::{Manifest, TEXT_DOMAIN};
use crate::connection::{CopySession, ServerVersion, StatementResult, pin_settings};
use crate::data::{ContentHash, CopyFormat};
use crate::ddl::Ddl;
use crate::error::{ConnectionError, Error, ImportError};
use crate::import::check_rows::{Expectation, Rows, count_rows, hash_rows};
use crate::name::QualifiedName;
use crate::report::{Proven, TableReport, Verify};

use super::execute::Counted;
use super::judge::Transactions;
use super::tables::Filled;

/// Tables that are looked up with one question.
const AT_ONCE: usize = 1000;

/// What was compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof {
    /// Every table that was filled, and is still there.
    pub(super) tables: Vec<TableReport>,
    /// Why something is not proven; empty if all is.
    pub(super) unproven: Vec<String>,
}

impl Proof {
    /// The least that was proven of any table; nothing if there were none.
    pub(super) fn proven(&self) -> Proven {
        let order = |proven: &Proven| match proven {
            Proven::None => 0,
            Proven::Rows => 1,
            Proven::Content => 2,
        };
        self.tables.iter().map(|table| table.proven).min_by_key(order).unwrap_or(Proven::None)
    }
}

/// Everything that a comparison needs.
pub(super) struct Prover<'a> {
    /// What is asked for.
    pub(super) verify: Verify,
    /// How the script was run: rows of a transaction of ours can be told from others.
    pub(super) transactions: Transactions,
    /// Rows may have the transaction id of a part of our transaction.
    pub(super) has_savepoint: bool,
    /// Tables that were there before, by oid.
    pub(super) old_tables: &'a HashSet<u32>,
    /// Our own account of the script.
    pub(super) manifest: Option<&'a Manifest>,
    /// What was counted on the way.
    pub(super) counted: &'a Counted,
    /// What was filled.
    pub(super) filled: &'a [Filled],
}

/// One table of the target, under all names that the script has for it.
#[derive(Debug, Clone)]
struct Table {
    name: QualifiedName,
    kind: char,
    is_readable: bool,
    has_triggers: bool,
    /// Partitioned tables above it, itself first.
    ancestors: Vec<u32>,
    is_new: bool,
    rows: u64,
    bytes: u64,
    content: ContentHash,
    /// Those that all rows came with, which the hash is over.
    columns: Option<Vec<String>>,
}

impl Prover<'_> {
    /// Compares the script with its own manifest, which needs no server.
    pub(super) fn check_manifest(&self) -> Result<(), Error> {
        let Some(manifest) = self.manifest else { return Ok(()) };
        let differ =
            |relation: String, expected: String, found: String| Err(ImportError::Mismatch { relation, expected, found }.into());
        let copies = &self.counted.copies;
        if copies.len() != manifest.tables.len() {
            let tables = |count: usize| format!("{count} tables with rows");
            return differ("the script".into(), tables(manifest.tables.len()), tables(copies.len()));
        }
        for (wanted, (_, content)) in manifest.tables.iter().zip(copies) {
            if wanted.domain == TEXT_DOMAIN && (wanted.rows != content.rows() || wanted.hash != content.to_string()) {
                let name = QualifiedName::new(&wanted.schema, &wanted.name).to_string();
                let text = |rows: u64, hash: &str| format!("{rows} rows with hash {hash}");
                return differ(name, text(wanted.rows, &wanted.hash), text(content.rows(), &content.to_string()));
            }
        }
        let (made, written) = self.counted.large_objects;
        let (wanted, found) = ((manifest.large_objects.count, manifest.large_objects.bytes), (made, written));
        if wanted.1 != found.1 || (made > 0 && wanted.0 != found.0) {
            let text = |(count, bytes): (u64, u64)| format!("{count} with {bytes} bytes");
            return differ("large objects".into(), text(wanted), text(found));
        }
        match manifest.sequences == self.counted.sequences {
            true => Ok(()),
            false => {
                let text = |count: u64| format!("{count} values");
                differ("sequences".into(), text(manifest.sequences), text(self.counted.sequences))
            }
        }
    }

    /// Compares every table, in the transaction that wrote it.
    ///
    /// # Errors
    /// [`ImportError::Mismatch`] if the target holds something else.
    pub(super) async fn check(&self, session: &mut CopySession) -> Result<Proof, Error> {
        if self.verify == Verify::None {
            let tables = self.look_up(session).await?.into_values().map(|table| self.report(&table, Proven::None)).collect();
            let unproven = if self.filled.is_empty() { Vec::new() } else { vec!["nothing was compared: --verify none".into()] };
            return Ok(Proof { tables, unproven });
        }
        let tables = self.look_up(session).await?;
        let mut proof = Proof::default();
        for (oid, expected) in rolled_up(&tables) {
            let proven = match self.check_table(session, &expected).await? {
                Ok(proven) => proven,
                Err(why) => {
                    proof.unproven.push(format!("{}: {why}", expected.name));
                    Proven::None
                }
            };
            let members = tables.iter().filter(|(member, table)| top_of(**member, table, &tables) == oid);
            proof.tables.extend(members.map(|(_, table)| self.report(table, proven)));
        }
        Ok(proof)
    }

    fn report(&self, table: &Table, proven: Proven) -> TableReport {
        let hash = match self.manifest {
            Some(_) => table.content.to_string(),
            None => String::new(),
        };
        let mut report = TableReport::new(&table.name, table.rows, table.bytes, TEXT_DOMAIN, hash);
        report.proven = proven;
        report
    }

    /// What was proven of one table, or why nothing could be.
    async fn check_table(&self, session: &mut CopySession, table: &Table) -> Result<Result<Proven, String>, Error> {
        let expectation = Expectation {
            table: table.name.clone(),
            columns: table.columns.clone().unwrap_or_default(),
            is_root: table.kind == 'p',
            content: table.content,
            format: CopyFormat::Text,
        };
        if let Some(why) = self.cannot_count(table) {
            return Ok(Err(why.into()));
        }
        let which = if table.is_new { Rows::All } else { Rows::OfThisTransaction };
        let found = count_rows(session, &expectation.table, expectation.is_root, which).await.map_err(ImportError::Connection)?;
        if found != table.rows {
            let differs = format!("{found} rows were found and {} were sent", table.rows);
            if let Some(statement) = &self.counted.uncounted {
                return Ok(Err(format!("{differs}; rows may have come or gone by the statement in {statement}")));
            }
            if table.has_triggers {
                return Ok(Err(format!("{differs}; the table has triggers")));
            }
            let rows = |count: u64| format!("{count} rows");
            return Err(mismatch(&table.name, rows(table.rows), rows(found)));
        }
        let is_comparable = self.manifest.is_some() && table.is_new && table.columns.is_some();
        if self.verify != Verify::Checksum || !is_comparable {
            return Ok(Ok(Proven::Rows));
        }
        let found = hash_rows(session, &expectation, Rows::All).await.map_err(ImportError::Connection)?;
        match found == table.content {
            true => Ok(Ok(Proven::Content)),
            false => {
                let text = |content: &ContentHash| format!("{} rows with hash {content}", content.rows());
                Err(mismatch(&table.name, text(&table.content), text(&found)))
            }
        }
    }

    fn cannot_count(&self, table: &Table) -> Option<&'static str> {
        match table {
            Table { kind, .. } if !matches!(kind, 'r' | 'p') => Some("it is no table, and is not counted"),
            Table { is_readable: false, .. } => Some("the role that writes may not read it"),
            Table { is_new: false, .. } if self.transactions == Transactions::Own => {
                Some("it was there before, and without one transaction its rows cannot be told from ours")
            }
            Table { is_new: false, .. } if self.has_savepoint => {
                Some("it was there before, and behind a savepoint its rows cannot be told from ours")
            }
            _ => None,
        }
    }

    /// What the tables are called now, by oid. One that was dropped again is not there.
    async fn look_up(&self, session: &mut CopySession) -> Result<BTreeMap<u32, Table>, Error> {
        let mut tables = BTreeMap::new();
        let oids: Vec<u32> = self.filled.iter().filter_map(|filled| filled.oid).collect();
        for oids in oids.chunks(AT_ONCE) {
            let list = oids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            let mut sql = Ddl::new();
            sql.deparsed(include_str!("proof_tables.sql").trim_end()).sql(" = any (").literal(&format!("{{{list}}}"));
            sql.sql("::pg_catalog.oid[])");
            let answer = session.simple(sql.as_str()).await.map_err(ImportError::Connection)?;
            let answer = answer.last();
            for row in 0..answer.map_or(0, |a| a.rows.len()) {
                let (oid, table) = answer.and_then(|a| decode(a, row)).ok_or_else(|| undecodable(session))?;
                tables.insert(oid, Table { is_new: !self.old_tables.contains(&oid), ..table });
            }
        }
        for filled in self.filled {
            let Some(table) = filled.oid.and_then(|oid| tables.get_mut(&oid)) else { continue };
            table.rows += filled.rows;
            table.bytes += filled.bytes;
            table.content.merge(&filled.content);
            table.columns.clone_from(&filled.columns);
        }
        Ok(tables)
    }
}

fn mismatch(name: &QualifiedName, expected: String, found: String) -> Error {
    ImportError::Mismatch { relation: name.to_string(), expected, found }.into()
}

fn undecodable(session: &CopySession) -> Error {
    let problem = "the answer about the filled tables is not what was asked for".to_owned();
    ImportError::Connection(ConnectionError::Protocol { server: session.describe().to_owned(), problem }).into()
}

fn decode(answer: &StatementResult, row: usize) -> Option<(u32, Table)> {
    let text = |column| answer.text(row, column);
    let table = Table {
        name: QualifiedName::new(text(1)?, text(2)?),
        kind: text(3)?.chars().next()?,
        is_readable: text(4)? == "t",
        has_triggers: text(5)? == "t",
        ancestors: text(6)?.split_whitespace().filter_map(|oid| oid.parse().ok()).collect(),
        is_new: true,
        rows: 0,
        bytes: 0,
        content: ContentHash::new(),
        columns: None,
    };
    Some((text(0)?.parse().ok()?, table))
}

/// The highest partitioned table above `oid`, or itself, that was filled too.
fn top_of(oid: u32, table: &Table, tables: &BTreeMap<u32, Table>) -> u32 {
    table.ancestors.iter().rev().copied().find(|ancestor| tables.contains_key(ancestor)).unwrap_or(oid)
}

/// Where rows were written to a partitioned table and to partitions of it, only the upper one can be counted.
fn rolled_up(tables: &BTreeMap<u32, Table>) -> BTreeMap<u32, Table> {
    let mut rolled_up: BTreeMap<u32, Table> = BTreeMap::new();
    for (oid, table) in tables {
        let top = top_of(*oid, table, tables);
        let whole = rolled_up.entry(top).or_insert_with(|| Table {
            rows: 0,
            bytes: 0,
            content: ContentHash::new(),
            ..tables[&top].clone()
        });
        whole.rows += table.rows;
        whole.bytes += table.bytes;
        whole.is_new &= table.is_new;
        whole.is_readable &= table.is_readable;
        whole.has_triggers |= table.has_triggers;
        whole.content.merge(&table.content);
    }
    rolled_up
}

/// What makes the text of values what the manifest's hashes are over, and lets us read what we wrote.
pub(super) fn settings(session: &CopySession) -> String {
    let version = session.parameter("server_version").and_then(ServerVersion::parse);
    let mut sql = String::from("RESET SESSION AUTHORIZATION; RESET ROLE; ");
    sql.push_str(&version.map(|version| pin_settings(version, false)).unwrap_or_default());
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, ancestors: &[u32], rows: u64) -> Table {
        Table {
            name: QualifiedName::new("s", name),
            kind: 'r',
            is_readable: true,
            has_triggers: false,
            ancestors: ancestors.to_vec(),
            is_new: true,
            rows,
            bytes: 0,
            content: ContentHash::new(),
            columns: None,
        }
    }

    #[test]
    fn rows_of_partitions_are_counted_where_all_of_them_are() {
        let tables = BTreeMap::from([
            (1, table("root", &[1], 10)),
            (2, table("leaf", &[2, 1], 5)),
            (3, table("other", &[], 7)),
            (4, table("lonely leaf", &[4, 9], 2)),
        ]);
        let rolled_up = rolled_up(&tables);
        let rows: Vec<_> = rolled_up.iter().map(|(oid, table)| (*oid, table.rows)).collect();
        assert_eq!(rows, [(1, 15), (3, 7), (4, 2)]);
    }

    #[test]
    fn a_proof_is_worth_its_weakest_part() {
        let report = |proven| {
            let mut report = TableReport::new(&QualifiedName::new("s", "t"), 0, 0, TEXT_DOMAIN, String::new());
            report.proven = proven;
            report
        };
        let proof = |proven: &[Proven]| Proof { tables: proven.iter().map(|p| report(*p)).collect(), unproven: Vec::new() };
        assert_eq!(proof(&[Proven::Content, Proven::Rows]).proven(), Proven::Rows);
        assert_eq!(proof(&[Proven::Rows, Proven::None]).proven(), Proven::None);
        assert_eq!(proof(&[Proven::Content]).proven(), Proven::Content);
        assert_eq!(proof(&[]).proven(), Proven::None);
    }
}
