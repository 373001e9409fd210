//! The built-in types whose binary form may travel from one server to another.
//!
//! It is a list of what is allowed: a type that is not here travels as text. Left out are those whose binary form holds an oid
//! (`regclass` and its like dangle in the target), depends on a setting (`money` on `lc_monetary`), or is checked less than
//! their text (`xml`, `tsquery`, `pg_node_tree` …).
//!
//! Source: `pg_type.typsend` of PostgreSQL 13 to 18; the oids of built-in types never change.

/// The oids, ascending.
#[rustfmt::skip]
const LISTED: &[u32] = &[
    16 /* bool */, 17 /* bytea */, 18 /* "char" */, 19 /* name */, 20 /* int8 */, 21 /* int2 */, 23 /* int4 */, 25 /* text */,
    26 /* oid */, 114 /* json */, 600 /* point */, 601 /* lseg */, 602 /* path */, 603 /* box */, 604 /* polygon */,
    628 /* line */, 650 /* cidr */, 700 /* float4 */, 701 /* float8 */, 718 /* circle */, 774 /* macaddr8 */,
    829 /* macaddr */, 869 /* inet */, 1042 /* bpchar */, 1043 /* varchar */, 1082 /* date */, 1083 /* time */,
    1114 /* timestamp */, 1184 /* timestamptz */, 1186 /* interval */, 1266 /* timetz */, 1560 /* bit */,
    1562 /* varbit */, 1700 /* numeric */, 2950 /* uuid */, 3614 /* tsvector */, 3802 /* jsonb */,
    3904 /* int4range */, 3906 /* numrange */, 3908 /* tsrange */, 3910 /* tstzrange */, 3912 /* daterange */,
    3926 /* int8range */,
];

/// Whether values of the built-in type `oid` may travel in COPY binary.
pub(crate) fn is_listed(oid: u32) -> bool {
    LISTED.binary_search(&oid).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_holds_no_type_that_holds_oids() {
        assert!(LISTED.is_sorted());
        for reg in [24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191] {
            assert!(!is_listed(reg), "{reg}");
        }
    }
}
