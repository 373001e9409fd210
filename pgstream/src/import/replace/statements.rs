//! The statements that drop, and those that make a kept schema like a new one. Pure.

use crate::ddl::Ddl;

use super::archive::Reach;
use super::drops::drop_word;
use super::graph::{FoundDefaults, FoundSchema, Graph, Node};

/// How many objects one statement drops: it is sent as one message, and an error names the statement.
const TOGETHER: usize = 200;

/// Drops groups of objects, in this order. A group whose members need each other and are of different kinds goes with CASCADE:
/// whatever depends on it and is not in it is gone by then, or is found by the server to be still there.
pub(super) fn drops(graph: &Graph, groups: &[Vec<usize>], needs_cascade: bool) -> Vec<String> {
    let mut statements = Statements { done: Vec::new(), open: None, needs_cascade };
    for group in groups {
        let nodes: Vec<&Node> = group.iter().map(|number| &graph.nodes[*number]).collect();
        let words: Vec<Option<&'static str>> = nodes.iter().map(|node| drop_word(&node.kind)).collect();
        match words[..] {
            [None, ..] => nodes.iter().for_each(|node| statements.add_other(graph, node)),
            [Some(word), ref rest @ ..] if rest.iter().all(|other| *other == Some(word)) => statements.add(word, &nodes),
            _ => statements.add_mixed(&nodes, &words),
        }
    }
    statements.end();
    statements.done
}

struct Statements<'n> {
    done: Vec<String>,
    /// One that may get more: the word, and what it drops.
    open: Option<(&'static str, Vec<&'n Node>)>,
    needs_cascade: bool,
}

impl<'n> Statements<'n> {
    fn add(&mut self, word: &'static str, nodes: &[&'n Node]) {
        match &mut self.open {
            // The server looks at all that one statement names as one: their order does not matter.
            Some((open, some)) if *open == word && takes_list(word) && some.len() < TOGETHER => some.extend(nodes),
            _ => {
                self.end();
                self.open = Some((word, nodes.to_vec()));
            }
        }
    }

    fn end(&mut self) {
        if let Some((word, nodes)) = self.open.take() {
            self.done.push(drop(word, &nodes, false, self.needs_cascade));
        }
    }

    fn add_mixed(&mut self, nodes: &[&'n Node], words: &[Option<&'static str>]) {
        self.end();
        let words: Vec<&'static str> = words.iter().copied().flatten().collect();
        for (node, word) in nodes.iter().zip(words) {
            self.done.push(drop(word, &[node], true, true));
        }
    }

    fn add_other(&mut self, graph: &Graph, node: &Node) {
        self.end();
        if node.kind == "large object" {
            let mut sql = Ddl::new();
            sql.sql("SELECT pg_catalog.lo_unlink(").number(node.address.1).sql("::pg_catalog.oid)").end();
            self.done.push(sql.into_string());
        } else if let Some(found) = graph.defaults.get(&node.address.1) {
            self.done.push(reset_defaults(found));
        }
    }
}

/// Whether one `DROP` takes several names.
fn takes_list(word: &str) -> bool {
    !matches!(word, "CAST" | "TRANSFORM" | "OPERATOR CLASS" | "OPERATOR FAMILY")
}

fn drop(word: &'static str, nodes: &[&Node], if_exists: bool, cascade: bool) -> String {
    let mut sql = Ddl::new();
    sql.sql("DROP ").sql(word).sql(if if_exists { " IF EXISTS " } else { " " });
    for (place, node) in nodes.iter().enumerate() {
        sql.sql(if place > 0 { ", " } else { "" });
        sql.deparsed(&node.identity);
    }
    sql.sql(if cascade { " CASCADE" } else { "" }).end();
    sql.into_string()
}

/// `ALTER DEFAULT PRIVILEGES …`, until what is built in is left, which the server keeps no row for.
fn reset_defaults(found: &FoundDefaults) -> String {
    let words = match found.object_type {
        'r' => "TABLES",
        'S' => "SEQUENCES",
        'f' => "FUNCTIONS",
        'T' => "TYPES",
        'n' => "SCHEMAS",
        _ => "LARGE OBJECTS",
    };
    let mut sql = Ddl::new();
    let head = |sql: &mut Ddl| {
        sql.sql("ALTER DEFAULT PRIVILEGES FOR ROLE ").ident(&found.role);
        if let Some(schema) = &found.schema {
            sql.sql(" IN SCHEMA ").ident(schema);
        }
    };
    for grantee in &found.grantees {
        head(&mut sql);
        sql.sql(" REVOKE ALL ON ").sql(words).sql(" FROM ");
        role(&mut sql, grantee);
        sql.end();
    }
    if found.schema.is_none() {
        head(&mut sql);
        sql.sql(" GRANT ALL ON ").sql(words).sql(" TO ").ident(&found.role).end();
        let for_all = match found.object_type {
            'f' => Some(" GRANT EXECUTE ON FUNCTIONS TO PUBLIC"),
            'T' => Some(" GRANT USAGE ON TYPES TO PUBLIC"),
            _ => None,
        };
        if let Some(grant) = for_all {
            head(&mut sql);
            sql.sql(grant).end();
        }
    }
    sql.into_string()
}

fn role(sql: &mut Ddl, name: &str) {
    match name {
        "" => sql.sql("PUBLIC"),
        name => sql.ident(name),
    };
}

/// What a new database says about `public`. Source: `initdb`.
const COMMENT_ON_PUBLIC: &str = "standard public schema";

/// Takes a kept schema's comment back, so that the archive's is the only one.
pub(super) fn reset_comment(schema: &FoundSchema, reach: &Reach) -> Option<String> {
    let first = if schema.is_public() { COMMENT_ON_PUBLIC } else { "" };
    if reach.keeps_comments || schema.comment == first {
        return None;
    }
    let mut sql = Ddl::new();
    sql.sql("COMMENT ON SCHEMA ").ident(&schema.name).sql(" IS ");
    match first {
        "" => sql.sql("NULL"),
        first => sql.literal(first),
    };
    sql.end();
    Some(sql.into_string())
}

/// Takes a kept schema's owner and privileges back to what a new one has.
pub(super) fn reset_rights(schema: &FoundSchema, reach: &Reach) -> Option<String> {
    let mut sql = Ddl::new();
    let owner = if reach.keeps_owners { &schema.owner } else { &schema.first_owner };
    if *owner != schema.owner {
        sql.sql("ALTER SCHEMA ").ident(&schema.name).sql(" OWNER TO ").ident(owner).end();
    }
    let are_as_first = schema.has_first_privileges && sql.is_empty();
    if !(reach.keeps_privileges || are_as_first) {
        // What was granted to the former owner is the new owner's by now.
        for grantee in schema.grantees.iter().filter(|grantee| **grantee != schema.owner && *grantee != owner) {
            sql.sql("REVOKE ALL ON SCHEMA ").ident(&schema.name).sql(" FROM ");
            role(&mut sql, grantee);
            sql.sql(" CASCADE").end();
        }
        sql.sql("GRANT ALL ON SCHEMA ").ident(&schema.name).sql(" TO ").ident(owner).end();
        if schema.is_public() {
            let word = if schema.public_may_create { "GRANT ALL ON SCHEMA " } else { "GRANT USAGE ON SCHEMA " };
            sql.sql(word).ident(&schema.name).sql(" TO PUBLIC").end();
        }
    }
    (!sql.is_empty()).then(|| sql.into_string())
}
