//! The library's modules look down only.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pgstream_tests::command::workspace;

/// The layers, highest first. Names on one level do not import each other.
const LAYERS: [&[&str]; 10] = [
    &["operation"],
    &["sync", "backup"],
    &["export", "import"],
    &["archive", "script", "data", "ordering"],
    &["guard"],
    &["catalog", "storage"],
    &["connection", "ddl"],
    &["report"],
    &["progress", "error"],
    &["name"],
];

/// The crate's root re-exports from every layer and belongs to none.
const ROOT: &str = "lib";

#[test]
fn modules_import_only_from_lower_layers() {
    let source = workspace().join("pgstream/src");
    let mut problems = BTreeSet::new();
    for path in rust_files(&source) {
        let module = top_module(&source, &path);
        if module == ROOT {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file can be read");
        for import in imports(&text) {
            if let Some(problem) = judge(&module, &import) {
                problems.insert(format!("{}: {problem}", path.strip_prefix(&source).expect("it lies there").display()));
            }
        }
    }
    assert_eq!(problems, BTreeSet::new());
}

#[test]
fn every_module_has_a_layer() {
    let source = workspace().join("pgstream/src");
    let modules: BTreeSet<String> = rust_files(&source).iter().map(|path| top_module(&source, path)).collect();
    let unknown: Vec<_> = modules.iter().filter(|m| *m != ROOT && layer_of(m).is_none()).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "give them a place in LAYERS");
}

#[test]
fn an_upward_and_a_sideways_import_are_seen_and_test_code_is_not() {
    let text = "use crate::{name::QualifiedName, import::Plan};\nfn f() { crate::export::go() }\n// crate::sync\n/// [`crate::sync`]\n\
                const T: &str = \"crate::backup\";\npub(in crate::data) fn g() {}\n\
                #[cfg(test)]\nmod tests {\n    use crate::operation::run;\n}\n";
    let found = imports(text);
    assert_eq!(found, ["name", "import", "export"].map(str::to_owned).into());
    assert!(judge("data", "import").is_some_and(|p| p.contains("upward")));
    assert!(judge("data", "archive").is_some_and(|p| p.contains("sideways")));
    assert_eq!(judge("data", "name"), None);
    assert_eq!(judge("data", "data"), None);
}

fn judge(module: &str, import: &str) -> Option<String> {
    if module == import {
        return None;
    }
    let (from, to) = (layer_of(module)?, layer_of(import)?);
    match to.cmp(&from) {
        std::cmp::Ordering::Less => Some(format!("{module} imports upward from {import}")),
        std::cmp::Ordering::Equal => Some(format!("{module} imports sideways from {import}")),
        std::cmp::Ordering::Greater => None,
    }
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The top-level modules that a file names through `crate::`, test code, comments and strings left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code = without_tests(text);
    let mut modules = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with("in ") || code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => modules.extend(first_words(group)),
            None => modules.extend(word(rest)),
        }
    }
    modules.retain(|m| m.starts_with(|c: char| c.is_lowercase()));
    modules
}

/// The first word of each part of `a::b, c::{d, e}}`, up to the bracket that ends the group.
fn first_words(group: &str) -> Vec<String> {
    let (mut words, mut depth, mut is_start) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => is_start = true,
            c if is_start && depth == 0 && !c.is_whitespace() => {
                words.extend(word(&group[at..]));
                is_start = false;
            }
            _ => {}
        }
    }
    words
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// The code without `#[cfg(test)]` items (which rustfmt ends with a bracket in the same column), comments and strings.
fn without_tests(text: &str) -> String {
    let (mut code, mut skipping) = (String::new(), None::<String>);
    for line in text.lines() {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        match &skipping {
            Some(end) => {
                let is_one_line = line.starts_with(end.as_str()) && line.ends_with(';') && indent == *end;
                if line == format!("{end}}}") || is_one_line {
                    skipping = None;
                }
            }
            None if line.trim() == "#[cfg(test)]" => skipping = Some(indent),
            None => {
                code.push_str(&without_literals(line));
                code.push('\n');
            }
        }
    }
    code
}

fn without_literals(line: &str) -> String {
    let code = line.split("//").next().unwrap_or_default();
    code.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

fn top_module(source: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(source).expect("it lies there");
    let first = relative.components().next().expect("a file has a name").as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a source folder can be read") {
        let path = entry.expect("a source folder can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
