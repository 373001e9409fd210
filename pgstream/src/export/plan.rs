//! From what a database contains to a table of contents. Pure.

use std::collections::HashMap;

use crate::archive::{CopyTarget, DumpId, EntryData, Pass, Toc, TocEntry};
use crate::catalog::{Catalog, DataSource, Object, ObjectHeader, ObjectId, Repairs, Role, SecurityLabel, TableData};
use crate::ddl::{self, Ddl, GrantTarget};

/// Renders the objects of `order`, each followed by its comments and privileges, and numbers the entries.
///
/// `order` is what [`crate::ordering`] made of the catalog, less what is not wanted.
pub fn table_of_contents(catalog: &Catalog, order: &[ObjectId], repairs: &Repairs) -> Toc {
    let objects: HashMap<ObjectId, &dyn Object> = catalog.objects.iter().map(|o| (o.header().id, o.as_ref())).collect();
    let mut builder = Builder { catalog, repairs, entries: Vec::new(), by_object: HashMap::new(), inline: HashMap::new() };
    for id in order {
        if let Some(object) = objects.get(id) {
            builder.add_object(*object);
        }
    }
    builder.finish()
}

struct Builder<'a> {
    catalog: &'a Catalog,
    repairs: &'a Repairs,
    entries: Vec<TocEntry>,
    by_object: HashMap<ObjectId, DumpId>,
    /// Inline parts that came before the object that holds them; their comments wait for it.
    inline: HashMap<ObjectId, Vec<&'a ObjectHeader>>,
}

impl<'a> Builder<'a> {
    fn add_object(&mut self, object: &'a dyn Object) {
        let header = object.header();
        if let Some(holder) = header.belongs_to.filter(|id| !object.is_entry(self.repairs) && !self.by_object.contains_key(id)) {
            self.inline.entry(holder).or_default().push(header);
            return;
        }
        let definition = object.is_entry(self.repairs).then(|| self.add_definition(object));
        self.add_comments(header, definition);
        self.add_security_labels(header, definition);
        self.add_privileges(header, definition);
        for inline in self.inline.remove(&header.id).unwrap_or_default() {
            self.add_comments(inline, definition);
        }
    }

    fn add_definition(&mut self, object: &dyn Object) -> DumpId {
        let header = object.header();
        let (mut create, mut drop) = (Ddl::new(), Ddl::new());
        object.render_create(&mut create, self.repairs);
        object.render_drop(&mut drop, self.repairs);
        let mut entry = self.entry(header, header.desc, header.tag.clone());
        if self.is_moved_behind_rows(header) {
            entry.section = crate::catalog::Section::PostData;
        }
        entry.pass = pass_of(header.role);
        entry.create = create.into_string();
        entry.drop = drop.into_string();
        entry.set_owner = render_owner(header, !entry.drop.is_empty());
        entry.data = object.data().map(entry_data);
        let id = entry.id;
        self.by_object.insert(header.id, id);
        self.entries.push(entry);
        id
    }

    /// A separate check waits for the rows; a separate default is only put behind what it needs.
    fn is_moved_behind_rows(&self, header: &ObjectHeader) -> bool {
        let is_check = matches!(header.role, Role::Check { .. } | Role::DomainCheck { .. });
        self.repairs.postponed.contains(&header.id) || (is_check && self.repairs.is_separate(header.id))
    }

    fn entry(&self, header: &ObjectHeader, desc: &'static str, tag: String) -> TocEntry {
        let number = u32::try_from(self.entries.len() + 1).expect("an archive has fewer than 2^32 entries");
        TocEntry {
            id: DumpId(number),
            object: header.id,
            desc,
            tag,
            schema: header.schema.clone(),
            owner: header.owner.clone(),
            section: header.section,
            pass: Pass::Main,
            create: String::new(),
            drop: String::new(),
            set_owner: String::new(),
            tablespace: header.tablespace.clone(),
            access_method: header.access_method.clone(),
            dependencies: Vec::new(),
            data: None,
        }
    }

    fn add_comments(&mut self, header: &ObjectHeader, definition: Option<DumpId>) {
        let Some(address) = &header.address else { return };
        if let Some(comment) = self.catalog.comments.get(&(header.id, 0)) {
            let mut sql = Ddl::new();
            sql.sql("COMMENT ON ").sql(address.keyword).sql(" ").deparsed(&address.sql).sql(" IS ").literal(comment).end();
            let tag = match address.keyword {
                "CONSTRAINT" => format!("CONSTRAINT {} ON {}", header.name, header.tie_break),
                keyword => format!("{keyword} {}", header.tag),
            };
            self.add_attached(header, definition, "COMMENT", tag, sql);
        }
        let columns_of = header.columns_of.unwrap_or(header.id);
        for (number, column) in (1..).zip(&header.columns) {
            let Some(comment) = self.catalog.comments.get(&(columns_of, number)) else { continue };
            let mut sql = Ddl::new();
            sql.sql("COMMENT ON COLUMN ").deparsed(&address.sql).sql(".").ident(column).sql(" IS ").literal(comment).end();
            self.add_attached(header, definition, "COMMENT", format!("COLUMN {}.{column}", header.tag), sql);
        }
    }

    fn add_security_labels(&mut self, header: &ObjectHeader, definition: Option<DumpId>) {
        let Some(address) = &header.address else { return };
        let labels = &self.catalog.security_labels;
        for label in labels.get(&(header.id, 0)).into_iter().flatten() {
            let mut sql = render_label_head(label);
            sql.sql(address.keyword).sql(" ").deparsed(&address.sql).sql(" IS ").literal(&label.label).end();
            self.add_attached(header, definition, "SECURITY LABEL", format!("{} {}", address.keyword, header.tag), sql);
        }
        let columns_of = header.columns_of.unwrap_or(header.id);
        for (number, column) in (1..).zip(&header.columns) {
            for label in labels.get(&(columns_of, number)).into_iter().flatten() {
                let mut sql = render_label_head(label);
                sql.sql("COLUMN ").deparsed(&address.sql).sql(".").ident(column).sql(" IS ").literal(&label.label).end();
                self.add_attached(header, definition, "SECURITY LABEL", format!("COLUMN {}.{column}", header.tag), sql);
            }
        }
    }

    fn add_privileges(&mut self, header: &ObjectHeader, definition: Option<DumpId>) {
        let (Some(address), Some(owner)) = (&header.address, &header.owner) else { return };
        let (keyword, major) = (address.grant_keyword, self.catalog.database.major);
        let object = header.grant_sql.as_deref().unwrap_or(&address.sql);
        let target = GrantTarget { keyword, object, column: None, owner, default_in: None, major };
        let mut sql = Ddl::new();
        if let Some(privileges) = &header.privileges {
            ddl::render_privileges(&mut sql, &target, privileges_of(privileges));
        }
        if !sql.is_empty() {
            self.add_attached(header, definition, "ACL", format!("{keyword} {}", header.tag), sql);
        }
        for (column, privileges) in &header.column_privileges {
            let mut sql = Ddl::new();
            let target = GrantTarget { column: Some(column), ..target };
            ddl::render_privileges(&mut sql, &target, privileges_of(privileges));
            if !sql.is_empty() {
                self.add_attached(header, definition, "ACL", format!("COLUMN {}.{column}", header.tag), sql);
            }
        }
    }

    fn add_attached(&mut self, header: &ObjectHeader, to: Option<DumpId>, desc: &'static str, tag: String, sql: Ddl) {
        let mut entry = self.entry(header, desc, tag);
        entry.tablespace = None;
        entry.access_method = None;
        entry.pass = if desc == "ACL" { Pass::Privileges } else { pass_of(header.role) };
        entry.create = sql.into_string();
        entry.dependencies.extend(to);
        self.entries.push(entry);
    }

    /// Fills in the dependencies: those of each object that are entries, through ids that are not.
    fn finish(mut self) -> Toc {
        let mut edges: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
        for (dependent, referenced) in &self.catalog.dependencies {
            edges.entry(*dependent).or_default().push(*referenced);
        }
        for entry in &mut self.entries {
            if self.by_object.get(&entry.object) == Some(&entry.id) {
                entry.dependencies = reach_entries(entry.object, &edges, &self.by_object);
            }
        }
        Toc { entries: self.entries }
    }
}

/// When an object of this role is made, and what is said about it.
fn pass_of(role: Role) -> Pass {
    match role {
        Role::Refresh | Role::EventTrigger => Pass::Last,
        Role::DefaultPrivileges => Pass::Privileges,
        _ => Pass::Main,
    }
}

/// The entries that `from` depends on, directly or through ids that are no entries.
fn reach_entries(from: ObjectId, edges: &HashMap<ObjectId, Vec<ObjectId>>, entries: &HashMap<ObjectId, DumpId>) -> Vec<DumpId> {
    let mut seen = std::collections::HashSet::from([from]);
    let mut open = vec![from];
    let mut reached = Vec::new();
    while let Some(id) = open.pop() {
        for next in edges.get(&id).into_iter().flatten() {
            if !seen.insert(*next) {
                continue;
            }
            match entries.get(next) {
                Some(entry) => reached.push(*entry),
                None => open.push(*next),
            }
        }
    }
    reached.sort_unstable();
    reached
}

fn privileges_of(privileges: &crate::catalog::Privileges) -> ddl::Acl<'_> {
    ddl::Acl { actual: privileges.actual.as_deref(), baseline: &privileges.baseline }
}

/// What `COMMENT ON` knows and `ALTER … OWNER TO` does not: its owner is that of its table.
const WITHOUT_OWN_OWNER: [&str; 5] = ["CONSTRAINT", "INDEX", "POLICY", "RULE", "TRIGGER"];

/// `SECURITY LABEL FOR provider ON `.
fn render_label_head(label: &SecurityLabel) -> Ddl {
    let mut sql = Ddl::new();
    sql.sql("SECURITY LABEL FOR ").ident(&label.provider).sql(" ON ");
    sql
}

fn render_owner(header: &ObjectHeader, has_drop: bool) -> String {
    let (Some(address), Some(owner), true) = (&header.address, &header.owner, has_drop) else { return String::new() };
    if WITHOUT_OWN_OWNER.contains(&address.keyword) {
        return String::new();
    }
    // As pg_dump says it; to the server the longer form is the same.
    let keyword = if address.keyword == "LANGUAGE" { "PROCEDURAL LANGUAGE" } else { address.keyword };
    let mut sql = Ddl::new();
    sql.sql("ALTER ").sql(keyword).sql(" ").deparsed(&address.sql).sql(" OWNER TO ").ident(owner).end();
    sql.into_string()
}

fn entry_data(data: DataSource) -> EntryData {
    match data {
        DataSource::Table(source) => EntryData::Table { target: copy_target(&source), source },
        DataSource::Sequence(sequence) => EntryData::Sequence(sequence),
        DataSource::LargeObject(oid) => EntryData::LargeObject(oid),
    }
}

fn copy_target(source: &TableData) -> CopyTarget {
    CopyTarget {
        table: source.load_through.clone().unwrap_or_else(|| source.name.clone()),
        columns: source.columns.clone(),
        is_through_root: source.load_through.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Address, Database, Section, class};

    #[derive(Debug)]
    struct Thing {
        header: ObjectHeader,
        is_inline: bool,
    }

    impl Object for Thing {
        fn header(&self) -> &ObjectHeader {
            &self.header
        }

        fn is_entry(&self, repairs: &Repairs) -> bool {
            !self.is_inline || repairs.is_separate(self.header.id)
        }

        fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
            ddl.sql("CREATE ").ident(&self.header.name).end();
        }

        fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
            ddl.sql("DROP ").ident(&self.header.name).end();
        }
    }

    const TABLE: ObjectId = ObjectId::relation(1);
    const CHECK: ObjectId = ObjectId::new(class::PG_CONSTRAINT, 2);

    /// A table with an inline check that has a comment; the check comes first, since its table needs it.
    fn entries(repairs: &Repairs) -> Vec<TocEntry> {
        let mut table = ObjectHeader::new(TABLE, Role::Table, "TABLE", Section::PreData, "t");
        table.owner = Some("me".into());
        table.address = Some(Address { keyword: "TABLE", grant_keyword: "TABLE", sql: "s.t".into() });
        let mut check = ObjectHeader::new(CHECK, Role::Check { table: TABLE }, "CHECK CONSTRAINT", Section::PreData, "c");
        check.owner = Some("me".into());
        check.tie_break = "t".into();
        check.address = Some(Address::constraint("c", &crate::QualifiedName::new("s", "t")));
        check.belongs_to = Some(TABLE);
        let objects: Vec<Box<dyn Object>> =
            vec![Box::new(Thing { header: table, is_inline: false }), Box::new(Thing { header: check, is_inline: true })];
        let catalog = Catalog {
            database: database(),
            objects,
            dependencies: vec![(TABLE, CHECK)],
            members: HashMap::new(),
            security_labels: HashMap::new(),
            unsupported: Vec::new(),
            comments: HashMap::from([((CHECK, 0), "why".to_owned())]),
        };
        table_of_contents(&catalog, &[CHECK, TABLE], repairs).entries
    }

    fn database() -> Database {
        Database {
            name: "d".into(),
            oid: 1,
            owner: "me".into(),
            encoding: "UTF8".into(),
            collation: "C".into(),
            character_type: "C".into(),
            locale_provider: 'c',
            tablespace: "pg_default".into(),
            server_version: "18".into(),
            major: 18,
            is_in_recovery: false,
            bytes: 0,
        }
    }

    #[test]
    fn the_comment_on_an_inline_check_comes_after_its_table() {
        let entries = entries(&Repairs::default());
        assert_eq!(entries.iter().map(|e| e.desc).collect::<Vec<_>>(), ["TABLE", "COMMENT"]);
        assert_eq!(entries[1].create, "COMMENT ON CONSTRAINT c ON s.t IS 'why';\n");
        assert_eq!(entries[1].tag, "CONSTRAINT c ON t");
        assert_eq!(entries[1].dependencies, [entries[0].id]);
    }

    #[test]
    fn a_separated_check_comes_after_the_rows_and_has_no_owner_of_its_own() {
        let repairs = Repairs { separate: [CHECK].into(), ..Repairs::default() };
        let entries = entries(&repairs);
        assert_eq!(entries.iter().map(|e| e.desc).collect::<Vec<_>>(), ["CHECK CONSTRAINT", "COMMENT", "TABLE"]);
        assert_eq!(entries[0].section, Section::PostData);
        assert_eq!(entries[0].set_owner, "");
        assert_eq!(entries[2].set_owner, "ALTER TABLE s.t OWNER TO me;\n");
    }
}
