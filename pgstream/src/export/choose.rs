//! What of a catalog goes into an archive, in which order. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::archive::Toc;
use crate::catalog::{
    Catalog, DataSource, LOADING_MARKER, ObjectHeader, ObjectId, Part, Repairs, Role, Selection, TableData, class,
};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::display_part;
use crate::ordering;
use crate::progress::Run;

use super::plan::table_of_contents;

/// How many unsupported objects of a kind an error names.
const SHOWN: usize = 5;

/// Warns of what cannot be carried, or makes an error of it. A database that is not whole is always an error.
pub(crate) fn check_unsupported(catalog: &Catalog, skip: bool, run: &Run) -> Result<(), CatalogError> {
    let is_marker = |header: &ObjectHeader| header.role == Role::Schema && header.name == LOADING_MARKER;
    if catalog.objects.iter().any(|object| is_marker(object.header())) {
        return Err(CatalogError::Unfinished { database: catalog.database.name.clone() });
    }
    if catalog.unsupported.is_empty() {
        return Ok(());
    }
    if !skip {
        let count = catalog.unsupported.iter().map(|kind| kind.names.len()).sum();
        let examples: Vec<String> = catalog.unsupported.iter().map(|kind| describe(&kind.kind, &kind.names)).collect();
        return Err(CatalogError::Unsupported { count, examples: examples.join("; ") });
    }
    for kind in &catalog.unsupported {
        run.warn(format!("left out, as they cannot be carried yet: {} {}", kind.kind, kind.names.join(", ")));
    }
    Ok(())
}

fn describe(kind: &str, names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{kind} {shown}{more}")
}

/// The table of contents of all that is wanted, in the order of a script.
pub(crate) fn contents(catalog: &Catalog, selection: &Selection, is_data_only: bool, run: &Run) -> Toc {
    let ordered = ordering::order(catalog);
    for unresolved in &ordered.unresolved {
        run.warn(format!("these objects need each other, and one of them may fail to be made: {unresolved}"));
    }
    let unreadable = unreadable_relations(catalog, selection, run);
    let selected: Vec<&ObjectHeader> = catalog
        .objects
        .iter()
        .map(|object| object.header())
        .filter(|header| selection.wants(header, &catalog.members) && is_data_wanted(header, selection, &unreadable))
        .collect();
    let lost = without_ground(catalog);
    warn_of_lost(selected.iter().copied().filter(|header| lost.contains(&whole(header.id))), run);
    let wanted: HashSet<ObjectId> = selected.iter().map(|header| header.id).filter(|id| !lost.contains(&whole(*id))).collect();
    let mut order: Vec<ObjectId> = ordered.order.into_iter().filter(|id| wanted.contains(id)).collect();
    if is_data_only {
        order_rows(catalog, &mut order, run);
    }
    table_of_contents(catalog, &order, &ordered.repairs).in_passes()
}

/// The row of a catalog that a piece of an object is of: pieces are left out together.
fn whole(id: ObjectId) -> ObjectId {
    ObjectId::new(id.class, id.oid)
}

/// What cannot be made because something that cannot be carried would be missing, however many steps away.
fn without_ground(catalog: &Catalog) -> HashSet<ObjectId> {
    let mut open: Vec<ObjectId> = catalog.unsupported.iter().flat_map(|kind| kind.ids.iter().copied()).collect();
    if open.is_empty() {
        return HashSet::new();
    }
    let belongings = catalog.objects.iter().filter_map(|object| Some((object.header().id, object.header().belongs_to?)));
    let mut dependents: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
    let needed = catalog.dependencies.iter().copied().filter(|(dependent, to)| is_needed(catalog, *dependent, *to));
    for (dependent, referenced) in needed.chain(belongings) {
        dependents.entry(whole(referenced)).or_default().push(whole(dependent));
    }
    let mut lost: HashSet<ObjectId> = open.iter().copied().collect();
    while let Some(id) = open.pop() {
        let next = dependents.get(&id).into_iter().flatten();
        open.extend(next.copied().filter(|dependent| !catalog.members.contains_key(dependent) && lost.insert(*dependent)));
    }
    lost
}

/// The server has a function depend on every transform that there is for its types and language; it is made without one all the
/// same, unless it asks for transforms by name.
fn is_needed(catalog: &Catalog, dependent: ObjectId, referenced: ObjectId) -> bool {
    if (referenced.class, dependent.class) != (class::PG_TRANSFORM, class::PG_PROC) {
        return true;
    }
    let function = catalog.objects.iter().find(|object| object.header().id == dependent);
    function.is_none_or(|function| {
        let mut sql = Ddl::new();
        function.render_create(&mut sql, &Repairs::default());
        sql.as_str().contains(" TRANSFORM FOR TYPE ")
    })
}

/// Names what is left out, by kind; pieces and what hangs on a table only once, by the table.
fn warn_of_lost<'a>(lost: impl Iterator<Item = &'a ObjectHeader>, run: &Run) {
    let mut by_kind: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for header in lost.filter(|header| header.id.part == Part::Itself) {
        let schema = header.schema.as_deref().map(|schema| format!("{}.", display_part(schema))).unwrap_or_default();
        by_kind.entry(header.desc).or_default().push(format!("{schema}{}", display_part(&header.tag)));
    }
    for (kind, mut names) in by_kind {
        names.sort();
        run.warn(format!("left out, as they need what cannot be carried yet: {kind} {}", names.join(", ")));
    }
}

/// The rows of a relation, the value of a sequence, the refresh of a materialized view: what `--exclude-table-data` leaves out.
fn is_data_wanted(header: &ObjectHeader, selection: &Selection, unreadable: &HashSet<u32>) -> bool {
    let is_data = matches!(header.id.part, Part::Data | Part::SequenceValue | Part::Refresh);
    !is_data
        || header.id.class != class::PG_CLASS
        || (selection.wants_data(header.id.oid) && !unreadable.contains(&header.id.oid))
}

/// Unlogged relations have no contents on a standby.
fn unreadable_relations(catalog: &Catalog, selection: &Selection, run: &Run) -> HashSet<u32> {
    if !catalog.database.is_in_recovery {
        return HashSet::new();
    }
    let unlogged = selection.relations.iter().filter(|relation| relation.persistence == 'u');
    unlogged
        .map(|relation| {
            run.warn(format!("{} is unlogged and cannot be read on a standby: its contents are left out", relation.name));
            relation.oid
        })
        .collect()
}

/// Puts rows of referenced tables before those that reference them.
fn order_rows(catalog: &Catalog, order: &mut [ObjectId], run: &Run) {
    let in_order: HashSet<ObjectId> = order.iter().copied().collect();
    let rows = catalog.objects.iter().filter(|object| in_order.contains(&object.header().id)).filter_map(|o| o.data());
    let tables: Vec<TableData> = rows
        .filter_map(|data| match data {
            DataSource::Table(table) => Some(table),
            _ => None,
        })
        .collect();
    let (sorted, loops) = ordering::order_table_data(&tables, &foreign_keys(catalog));
    for looped in loops {
        run.warn(format!(
            "these tables reference each other, so their rows load only with triggers disabled or constraints dropped: {looped}"
        ));
    }
    let is_rows = |id: &&mut ObjectId| id.part == Part::Data && id.class == class::PG_CLASS;
    for (place, id) in order.iter_mut().filter(is_rows).zip(sorted) {
        *place = id;
    }
}

/// Pairs of (table, referenced table).
fn foreign_keys(catalog: &Catalog) -> Vec<(ObjectId, ObjectId)> {
    let keys = catalog.objects.iter().map(|object| object.header()).filter(|header| header.role == Role::ForeignKey);
    let tables: HashSet<ObjectId> =
        catalog.objects.iter().map(|o| o.header()).filter(|h| h.role == Role::Table).map(|h| h.id).collect();
    let owners: HashMap<ObjectId, ObjectId> = keys.filter_map(|header| Some((header.id, header.belongs_to?))).collect();
    let pairs = catalog.dependencies.iter().filter_map(|(key, referenced)| Some((*owners.get(key)?, *referenced)));
    pairs.filter(|(table, referenced)| table != referenced && tables.contains(referenced)).collect()
}
