//! A schema as `pg_dump` sees it, cut into blocks, so that the order in which objects were created does not matter.

use std::collections::BTreeMap;

use super::pg_dump;

/// One entry of a plain dump: its header and its statements.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// `TYPE schema.name, owner`.
    pub title: String,
    /// The statements, without what depends on versions or on what came before.
    pub text: String,
}

/// The database's schema as blocks, in `pg_dump`'s order.
///
/// # Panics
/// If `pg_dump` fails.
pub fn dump_schema(url: &str) -> Vec<Block> {
    let dump = pg_dump(url, &["--schema-only", "--quote-all-identifiers"]).unwrap_or_else(|e| panic!("{e}"));
    blocks(&String::from_utf8_lossy(&dump))
}

/// Compares two schemas as multisets of blocks.
///
/// # Errors
/// The differences, one per line: `-` only left, `+` only right.
///
/// # Panics
/// If `pg_dump` fails.
pub fn same_schema(left_url: &str, right_url: &str) -> Result<(), Vec<String>> {
    let differences = difference(dump_schema(left_url), dump_schema(right_url));
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

/// Compares two plain scripts, ours or `pg_dump`'s, as multisets of lines after the normalisation of `docs/formats.md`. Comments,
/// and the bytes of large objects, which the two group differently, are left out.
///
/// # Errors
/// The differences: `-` only left, `+` only right.
pub fn same_scripts(left: &str, right: &str) -> Result<(), Vec<String>> {
    let mut surplus: BTreeMap<String, i64> = BTreeMap::new();
    normal_lines(left).into_iter().for_each(|line| *surplus.entry(line).or_default() += 1);
    normal_lines(right).into_iter().for_each(|line| *surplus.entry(line).or_default() -= 1);
    let differences: Vec<String> = surplus
        .into_iter()
        .filter(|(_, n)| *n != 0)
        .map(|(line, n)| format!("{} {line}", if n > 0 { '-' } else { '+' }))
        .collect();
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

fn normal_lines(script: &str) -> Vec<String> {
    let script = script.split("\n-- pgstream manifest: ").next().unwrap_or_default();
    let mut blocks = blocks(script);
    blocks.retain(|block| !block.title.starts_with("BLOBS "));
    blocks.iter().flat_map(|block| block.text.lines().map(|line| normal_line(&block.title, line))).collect()
}

/// A line of the block with this title, as the newest `pg_dump` would word it.
fn normal_line(title: &str, line: &str) -> String {
    // What `ALL` meant before 17, spelled out by a pg_dump from 17 on.
    const ALL_BEFORE_17: &str = "SELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE ON TABLE";
    // What an older pg_dump gives to an owner as if it were a table.
    const RELATIONS: [&str; 3] = ["SEQUENCE", "VIEW", "MATERIALIZED VIEW"];
    if line.starts_with("ALTER DEFAULT PRIVILEGES ") {
        return line.replacen("  TO ", " TO ", 1).replacen("  FROM ", " FROM ", 1).replace(ALL_BEFORE_17, "ALL ON TABLE");
    }
    let relation = RELATIONS.into_iter().find(|kind| title.strip_prefix(kind).is_some_and(|rest| rest.starts_with(' ')));
    match (relation, line.strip_prefix("ALTER TABLE ")) {
        (Some(kind), Some(rest)) if rest.contains(" OWNER TO ") => format!("ALTER {kind} {rest}"),
        _ => line.replace("  FROM stdin;", " FROM stdin;").replace(ALL_BEFORE_17, "ALL ON TABLE"),
    }
}

fn difference(left: Vec<Block>, right: Vec<Block>) -> Vec<String> {
    let mut surplus: BTreeMap<Block, i64> = BTreeMap::new();
    left.into_iter().for_each(|block| *surplus.entry(block).or_default() += 1);
    right.into_iter().for_each(|block| *surplus.entry(block).or_default() -= 1);
    surplus.retain(|_, n| *n != 0);
    let mut by_title: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for (block, n) in &surplus {
        let (only_left, only_right) = by_title.entry(&block.title).or_default();
        if *n > 0 { only_left.push(&block.text) } else { only_right.push(&block.text) }
    }
    by_title.into_iter().flat_map(|(title, (left, right))| lines_of(title, &left, &right)).collect()
}

/// The lines in which two versions of one object differ.
fn lines_of(title: &str, left: &[&str], right: &[&str]) -> Vec<String> {
    let lines = |texts: &[&str]| texts.iter().flat_map(|t| t.lines().map(str::to_owned)).collect::<Vec<_>>();
    let (left_lines, right_lines) = (lines(left), lines(right));
    let sides = match (left.is_empty(), right.is_empty()) {
        (false, true) => format!("- {title} (only left)"),
        (true, false) => format!("+ {title} (only right)"),
        _ => format!("  {title}"),
    };
    let mut out = vec![sides];
    out.extend(left_lines.iter().filter(|l| !right_lines.contains(l)).map(|l| format!("-     {l}")));
    out.extend(right_lines.iter().filter(|l| !left_lines.contains(l)).map(|l| format!("+     {l}")));
    if out.len() == 1 {
        out.push("      the same lines in another order".into());
    }
    out
}

fn blocks(dump: &str) -> Vec<Block> {
    let mut blocks = vec![Block { title: "PREAMBLE".into(), text: String::new() }];
    let mut access_method = String::from("heap");
    let dump = without_marks(dump);

    for line in dump.lines() {
        let header = line.strip_prefix("-- Name: ").or_else(|| line.strip_prefix("-- Data for Name: "));
        if let Some(header) = header.filter(|h| h.contains("; Type: ")) {
            blocks.push(Block { title: title(header), text: String::new() });
        } else if let Some(set) = line.strip_prefix("SET default_table_access_method = ") {
            access_method = set.trim_matches([';', '"']).to_owned();
        } else if !is_noise(line) {
            let block = blocks.last_mut().expect("the preamble is there");
            block.text.push_str(line);
            block.text.push('\n');
            if line.starts_with("CREATE TABLE ") && access_method != "heap" {
                block.text.push_str(&format!("-- access method {access_method}\n"));
            }
        }
    }
    blocks.iter_mut().for_each(settle);
    blocks.retain(|b| b.title != "PREAMBLE");
    blocks
}

/// `name; Type: t; Schema: s; Owner: o` as `t s.name, o`.
fn title(header: &str) -> String {
    let part = |key: &str| header.split("; ").find_map(|p| p.strip_prefix(key)).unwrap_or("-").to_owned();
    let name = header.split("; Type: ").next().unwrap_or_default();
    let tablespace = part("Tablespace: ");
    let tablespace = if tablespace == "-" { String::new() } else { format!(", tablespace {tablespace}") };
    format!("{} {}.{name}, {}{tablespace}", part("Type: "), part("Schema: "), part("Owner: "))
}

fn is_noise(line: &str) -> bool {
    const STARTS: [&str; 8] = [
        "\\restrict ",
        "\\unrestrict ",
        "-- Dumped ",
        "-- PostgreSQL database dump",
        "-- Started on",
        "-- Completed on",
        "SET default_tablespace",
        "SET default_with_oids",
    ];
    line.is_empty() || line == "--" || STARTS.iter().any(|start| line.starts_with(start))
}

/// A dump without an internal mark that some servers leave among the options of columns, and that none reads.
pub(super) fn without_marks(dump: &str) -> String {
    const MARK: &str = "pg_attver=";
    let mut text = dump.to_owned();
    while let Some(at) = text.find(MARK) {
        let end = at + MARK.len() + text[at + MARK.len()..].find([',', ')']).unwrap_or_default();
        let is_alone = text[..at].ends_with("SET (") && text[end..].starts_with(");");
        // A pg_dump writes it right behind `DEPENDS ON EXTENSION …;`, without a new line.
        let start = text[..at].rfind("ALTER TABLE ").filter(|start| is_alone && *start > 0);
        match start.map(|start| (start, text.as_bytes()[start - 1])) {
            Some((statement, b'\n')) => text.replace_range(statement - 1..end + 2, ""),
            Some((statement, _)) => text.replace_range(statement..end + 2, ""),
            None if text[..at].ends_with(", ") => text.replace_range(at - 2..end, ""),
            None if text[end..].starts_with(", ") => text.replace_range(at..end + 2, ""),
            None => text.replace_range(at..end, ""),
        }
    }
    text
}

/// Takes out what two equal objects may differ in: the order of grants.
fn settle(block: &mut Block) {
    let mut lines: Vec<&str> = block.text.lines().collect();
    if block.title.starts_with("ACL ") || block.title.starts_with("DEFAULT ACL ") {
        lines.sort_unstable();
    }
    block.text = lines.join("\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "\\restrict abc\n-- Dumped by pg_dump version 18\nSET row_security = off;\n\n--\n-- Name: t; Type: TABLE; \
        Schema: public; Owner: postgres\n--\n\nCREATE TABLE public.t (\n    a integer\n);\n\n\n--\n-- Name: u; Type: TABLE; \
        Schema: public; Owner: me; Tablespace: fast\n--\n\nCREATE TABLE public.u ();\n";

    #[test]
    fn a_dump_is_cut_at_its_headers() {
        let found = blocks(DUMP);
        let titles: Vec<&str> = found.iter().map(|b| b.title.as_str()).collect();
        assert_eq!(titles, ["TABLE public.t, postgres", "TABLE public.u, me, tablespace fast"]);
        assert_eq!(found[0].text, "CREATE TABLE public.t (\n    a integer\n);");
    }

    #[test]
    fn a_changed_line_is_shown_with_its_object() {
        let changed = DUMP.replace("a integer", "a bigint");
        let expected = ["  TABLE public.t, postgres", "-         a integer", "+         a bigint"];
        assert_eq!(difference(blocks(DUMP), blocks(&changed)), expected);
    }

    #[test]
    fn scripts_differ_in_what_runs_and_not_in_comments() {
        let ours = DUMP.replace("-- Dumped by pg_dump version 18", "-- Dumped by pgstream version 1");
        assert_eq!(same_scripts(DUMP, &ours), Ok(()));
        let changed = DUMP.replace("a integer", "a bigint");
        assert_eq!(same_scripts(DUMP, &changed), Err(vec!["+     a bigint".to_owned(), "-     a integer".to_owned()]));
    }

    #[test]
    fn scripts_may_have_the_words_of_another_pg_dump() {
        let script = |kind: &str, statement: &str| format!("-- Name: s; Type: {kind}; Schema: a; Owner: o\n{statement}\n");
        let same = |kind: &str, left: &str, right: &str| same_scripts(&script(kind, left), &script(kind, right)).is_ok();
        assert!(same("VIEW", "ALTER TABLE a.s OWNER TO o;", "ALTER VIEW a.s OWNER TO o;"));
        assert!(same("MATERIALIZED VIEW", "ALTER TABLE a.s OWNER TO o;", "ALTER MATERIALIZED VIEW a.s OWNER TO o;"));
        assert!(!same("TABLE", "ALTER TABLE a.s OWNER TO o;", "ALTER VIEW a.s OWNER TO o;"));
        assert!(!same("VIEW", "ALTER TABLE a.s OWNER TO o;", "ALTER VIEW a.s OWNER TO p;"));
        let granted = "ALTER DEFAULT PRIVILEGES FOR ROLE o GRANT SELECT ON TABLES  TO p;";
        assert!(same("DEFAULT ACL", granted, &granted.replace("  ", " ")));
        assert!(!same("DEFAULT ACL", granted, "ALTER DEFAULT PRIVILEGES FOR ROLE o GRANT SELECT ON TABLES TO o;"));
    }

    #[test]
    fn an_internal_mark_is_left_out_and_nothing_else() {
        let dump = "a;\nALTER TABLE ONLY t ALTER COLUMN \"line\nbreak\" SET (pg_attver=12);\nb;\n\
            ALTER TABLE ONLY t ALTER COLUMN c SET (n_distinct=-0.5, pg_attver=3);\n\
            ALTER TABLE ONLY t ALTER COLUMN d SET (pg_attver=3, n_distinct=1);\n\
            d EXTENSION e;ALTER TABLE ONLY t ALTER COLUMN c SET (pg_attver=3);\ne;\n";
        let expected = "a;\nb;\nALTER TABLE ONLY t ALTER COLUMN c SET (n_distinct=-0.5);\n\
            ALTER TABLE ONLY t ALTER COLUMN d SET (n_distinct=1);\nd EXTENSION e;\ne;\n";
        assert_eq!(without_marks(dump), expected);
    }

    #[test]
    fn the_order_of_objects_does_not_matter() {
        let mut reversed = blocks(DUMP);
        reversed.reverse();
        assert_eq!(difference(blocks(DUMP), reversed), Vec::<String>::new());
    }
}
