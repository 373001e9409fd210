//! What an operator class or family consists of.

use crate::catalog::ObjectId;
use crate::catalog::kind::Record;
use crate::ddl::Ddl;
use crate::error::CatalogError;

/// An operator by its strategy, or a support function by its number.
#[derive(Debug)]
pub(super) struct Member {
    /// The class or the family that it is a part of.
    pub(super) holder: ObjectId,
    /// The operator or the function itself.
    pub(super) id: ObjectId,
    number: i16,
    what: What,
}

#[derive(Debug)]
enum What {
    Operator {
        /// With its types, rendered.
        signature: String,
        /// The family that an ordering operator sorts by, rendered.
        sort_family: Option<String>,
    },
    Function {
        /// With its types, rendered.
        signature: String,
        /// The types that it is for, rendered.
        types: (String, String),
    },
}

impl Member {
    pub(super) fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let what = match row.get("operator")? {
            Some(signature) => What::Operator { signature, sort_family: row.get("sort_family")? },
            None => What::Function { signature: row.get("function")?, types: (row.get("left_type")?, row.get("right_type")?) },
        };
        Ok(Self {
            holder: ObjectId::new(row.get("holder_class")?, row.get("holder")?),
            id: ObjectId::new(row.get("member_class")?, row.get("member")?),
            number: row.get("number")?,
            what,
        })
    }

    fn render(&self, ddl: &mut Ddl) {
        match &self.what {
            What::Operator { signature, sort_family } => {
                ddl.sql("OPERATOR ").number(self.number).sql(" ").deparsed(signature);
                if let Some(family) = sort_family {
                    ddl.sql(" FOR ORDER BY ").deparsed(family);
                }
            }
            What::Function { signature, types: (left, right) } => {
                ddl.sql("FUNCTION ").number(self.number).sql(" (").deparsed(left).sql(", ").deparsed(right).sql(") ");
                ddl.deparsed(signature);
            }
        }
    }
}

/// Appends members, one a line.
pub(super) fn render_list(ddl: &mut Ddl, members: &[Member]) {
    for (i, member) in members.iter().enumerate() {
        ddl.sql(if i > 0 { " ,\n    " } else { "" });
        member.render(ddl);
    }
}
