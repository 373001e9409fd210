//! `GRANT` and `REVOKE` from ACLs.

use super::Ddl;

/// Privileges as the catalog has them, as `aclitem` texts.
#[derive(Debug, Clone, Copy)]
pub struct Acl<'a> {
    /// What is granted; `None` for a null column, which means the baseline.
    pub actual: Option<&'a [String]>,
    /// What an object of this kind has when nothing was granted or revoked.
    pub baseline: &'a [String],
}

/// Appends the statements that lead from `acl.baseline` to `acl.actual`.
///
/// `keyword` and `object` are what stands behind `ON`; `column` narrows the privileges to one column.
pub fn render_privileges(
    _ddl: &mut Ddl,
    _keyword: &'static str,
    _object: &str,
    _column: Option<&str>,
    _owner: &str,
    _acl: Acl<'_>,
) {
}
