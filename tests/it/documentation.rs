//! What the documentation promises to list is listed.

use std::collections::BTreeSet;

use pgstream::ErrorCode;
use pgstream_tests::command::workspace;

#[test]
fn every_error_code_has_a_section_in_the_documentation() {
    let text = std::fs::read_to_string(workspace().join("docs/errors.md")).expect("docs/errors.md is there");
    let sections: BTreeSet<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let codes: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(sections, codes, "left: sections of docs/errors.md, right: ErrorCode::ALL");
}

#[test]
fn every_error_section_says_what_to_do() {
    let text = std::fs::read_to_string(workspace().join("docs/errors.md")).expect("docs/errors.md is there");
    let silent: Vec<&str> = text.split("\n## ").skip(1).filter(|s| !s.contains("**What to do.**")).collect();
    assert_eq!(silent, Vec::<&str>::new());
}
