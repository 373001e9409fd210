//! What the product is built from: licences that allow it, and nothing that was ruled out.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use pgstream_tests::command::workspace;

/// Licences that may be combined with ours. An expression counts if one of its alternatives consists of these only.
const ALLOWED: [&str; 14] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "CC0-1.0",
    "0BSD",
    "MPL-2.0",
    "CDLA-Permissive-2.0",
];

/// Libraries that the product does without: a second crypto provider, OpenSSL, and a job queue that loses jobs.
const RULED_OUT: [&str; 5] = ["ring", "openssl-sys", "native-tls", "apalis", "apalis-redis"];

const PRODUCT: [&str; 3] = ["pgstream", "pgstream-cli", "pgstream-server"];

#[test]
fn every_dependency_has_a_licence_that_allows_it() {
    let refused: BTreeSet<String> = product()
        .iter()
        .filter(|(_, licence)| !is_allowed(licence))
        .map(|(name, licence)| format!("{name}: {licence}"))
        .collect();
    assert_eq!(refused, BTreeSet::new());
}

#[test]
fn nothing_that_was_ruled_out_comes_back() {
    let product = product();
    assert!(product.contains_key("tokio-postgres"), "the graph was not read: {product:?}");
    let found: Vec<_> = RULED_OUT.iter().filter(|name| product.contains_key(**name)).collect();
    assert_eq!(found, Vec::<&&str>::new());
}

#[test]
fn a_licence_expression_is_understood() {
    for allowed in ["MIT OR GPL-3.0", "MIT/Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception"] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND AGPL-3.0", "none"] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

/// `AND` of parts, each an `OR` of licences; brackets stand only around an `OR`, as in all expressions met so far. An
/// expression of another shape is refused, not guessed.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let without_brackets = expression.replace(['(', ')'], "");
    let is_or_of_ands = !expression.contains('(') && expression.contains(" AND ") && expression.contains(" OR ");
    let all = |part: &str, separator: &str| part.split(separator).all(|l| ALLOWED.contains(&l.trim()));
    if is_or_of_ands {
        return expression.split(" OR ").any(|alternative| all(alternative, " AND "));
    }
    without_brackets.split(" AND ").all(|part| part.split(" OR ").any(|l| ALLOWED.contains(&l.trim())))
}

/// Name and licence of every package that the product's crates are built from: normal and build dependencies, no tests.
///
/// By `cargo tree`, because it resolves features for these crates alone; `cargo metadata` mixes in what the tests turn on.
fn product() -> BTreeMap<String, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).args(["tree", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none"]);
    command.args(["--format", "{p}|{l}", "--no-dedupe"]).args(PRODUCT.iter().flat_map(|name| ["--package", name]));
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = printed.lines().filter_map(|line| line.split_once('|'));
    lines.map(|(package, licence)| (package.split(' ').next().unwrap_or_default().to_owned(), licence.to_owned())).collect()
}
